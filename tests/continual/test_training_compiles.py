import dataclasses

import pytest

CONSTANTS = {"learning_rate": 0.02, "decay": 0.9, "baseline": 1.0, "sensitivity": 0.4}


@pytest.mark.parametrize(("regime", "buffer_size"), [("joint", 500), ("replay", 15)])
def test_tasks_constants_and_seeds_share_one_program(make_trainer, regime, buffer_size):
    trainer = make_trainer("ngm", regime=regime, buffer_size=buffer_size)
    traces = []

    def build(constants):
        traces.append(constants)
        return trainer.build_optimizer(constants)

    counted = dataclasses.replace(trainer, build_optimizer=build)
    counted.run([CONSTANTS], [0])
    assert len(traces) == 2  # once to start the runs, once for all tasks
    counted.run([{**CONSTANTS, "learning_rate": 0.5, "decay": 0.7}], [1])
    assert len(traces) == 2
