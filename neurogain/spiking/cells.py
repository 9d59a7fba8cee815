"""Parameter sets, each with its source; mV, ms, pA, nS, pF.

L5_PYRAMIDAL       two compartments: Whyte et al., PLoS Comput Biol 2025,
                   10.1371/journal.pcbi.1012951
PV, SOM            Izhikevich & Edelman, PNAS 2008, 10.1073/pnas.0712231105, supplement:
                   basket and non-basket interneurons
RS, IB, CH         Izhikevich, Dynamical Systems in Neuroscience (2007), section 8.2.1 to 8.2.3:
                   regular spiking, intrinsically bursting, chattering
FS, LTS            fast spiking and low-threshold spiking: those of Izhikevich & Edelman 2008,
                   that is PV and SOM. The 2007 book gives these two a cubic recovery and a
                   cut-off that moves with u, which are not this kernel.
"""

from neurogain.spiking.models.dendrite import DendriteParams
from neurogain.spiking.models.izhikevich import IzhikevichParams
from neurogain.spiking.models.pyramidal import PyramidalParams

RS = IzhikevichParams(
    C=100.0, k=0.7, v_r=-60.0, v_t=-40.0, v_peak=35.0, a=0.03, b=-2.0, c=-50.0, d=100.0
)
IB = IzhikevichParams(
    C=150.0, k=1.2, v_r=-75.0, v_t=-45.0, v_peak=50.0, a=0.01, b=5.0, c=-56.0, d=130.0
)
CH = IzhikevichParams(
    C=50.0, k=1.5, v_r=-60.0, v_t=-40.0, v_peak=25.0, a=0.03, b=1.0, c=-40.0, d=150.0
)
PV = IzhikevichParams(
    C=20.0, k=1.0, v_r=-55.0, v_t=-40.0, v_peak=25.0, a=0.15, b=8.0, c=-55.0, d=200.0
)
SOM = IzhikevichParams(
    C=100.0, k=1.0, v_r=-56.0, v_t=-42.0, v_peak=40.0, a=0.03, b=8.0, c=-50.0, d=20.0
)
FS = PV
LTS = SOM

L5_SOMA = IzhikevichParams(
    C=150.0, k=2.5, v_r=-75.0, v_t=-45.0, v_peak=50.0, a=0.01, b=5.0, c=-65.0, d=250.0
)
L5_DENDRITE = DendriteParams(
    C=170.0, g_leak=170 / 7, E_leak=-70.0, g_ca=1200.0, E_ca=-38.0, D_ca=6.0, tau_w=30.0, a_w=-13.0
)
L5_V_CALCIUM = -30.0  # mV
L5_PYRAMIDAL = PyramidalParams(
    soma=L5_SOMA,
    dendrite=L5_DENDRITE,
    c_burst=-55.0,
    d_burst=150.0,
    v_calcium=L5_V_CALCIUM,
    bap_current=2600.0,
    bap_start=0.5,
    bap_end=2.5,
)

POINT_CELLS = {"rs": RS, "ib": IB, "ch": CH, "fs": FS, "lts": LTS, "pv": PV, "som": SOM}
"""All sets of one compartment by the name that the command line uses."""
