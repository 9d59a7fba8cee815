// The cells of the benchmark network as an extension module of NEST, for nest.py.
//
// One model for all three kinds: an Izhikevich soma, for pyramidal cells with an apical dendrite.
// Receptors: 1 AMPA on the soma, 2 GABA_A on the soma, 3 GABA_A on the dendrite. One step: arriving
// spikes, forward Euler with v linearly implicit in the conductances, decay, reset.
#include <array>
#include <cmath>
#include <string>

#include "archiving_node.h"
#include "connection.h"
#include "event.h"
#include "event_delivery_manager_impl.h"
#include "kernel_manager.h"
#include "nest_extension_interface.h"
#include "nest_types.h"
#include "random_generators.h"
#include "ring_buffer.h"

namespace neurogain {

// soma: pF, nS/mV, mV, mV, mV, 1/ms, nS, mV, pA; its current, noise and synapses: pA, pA, mV, ms
// dendrite: pF, nS, mV, pA, mV, mV, ms, nS, pA; back-propagation: pA, steps; bursts: mV, mV, pA
#define NEUROGAIN_CONSTANTS(X)                                               \
  X(C) X(k) X(v_r) X(v_t) X(v_peak) X(a) X(b) X(c) X(d)                      \
  X(current) X(noise) X(e_gaba) X(tau) X(has_dendrite)                       \
  X(C_d) X(g_leak) X(E_leak) X(g_ca) X(E_ca) X(D_ca) X(tau_w) X(a_w)         \
  X(current_d) X(bap_current) X(bap_first) X(bap_last)                       \
  X(v_calcium) X(c_burst) X(d_burst)

struct Constants {
#define NEUROGAIN_FIELD(name) double name = 0;
  NEUROGAIN_CONSTANTS(NEUROGAIN_FIELD)

  template <typename F>
  void each(F f) {
#define NEUROGAIN_CALL(name) f(#name, name);
    NEUROGAIN_CONSTANTS(NEUROGAIN_CALL)
  }
};

class Cell : public nest::ArchivingNode {
 public:
  Cell() = default;
  Cell(const Cell& other) : ArchivingNode(other), p(other.p) {}

  using Node::handle;
  using Node::handles_test_event;

  size_t send_test_event(Node& target, size_t receptor, nest::synindex, bool) override {
    nest::SpikeEvent e;
    e.set_sender(*this);
    return target.handles_test_event(e, receptor);
  }

  size_t handles_test_event(nest::SpikeEvent&, size_t receptor) override {
    if (receptor < 1 or receptor > 3) {
      throw nest::UnknownReceptorType(receptor, get_name());
    }
    return receptor;
  }

  void handle(nest::SpikeEvent& e) override {
    const auto origin = nest::kernel().simulation_manager.get_slice_origin();
    arriving[e.get_rport() - 1].add_value(e.get_rel_delivery_steps(origin),
                                          e.get_weight() * e.get_multiplicity());
  }

  void get_status(Dictionary& d) const override {
    Constants copy = p;
    copy.each([&d](const char* name, double& value) { d[name] = value; });
    d["spike_count"] = spike_count;
    ArchivingNode::get_status(d);
  }

  void set_status(const Dictionary& d) override {
    p.each([&d](const char* name, double& value) { d.update_value(name, value); });
    ArchivingNode::set_status(d);
  }

 private:
  void init_buffers_() override {
    for (auto& buffer : arriving) {
      buffer.clear();
    }
    clear_history();
    v = p.v_r;
    vd = p.E_leak;
    u = w = 0;
    g = {};
    age = 1 << 20;
    spike_count = 0;
  }

  void pre_run_hook() override {
    dt = nest::Time::get_resolution().get_ms();
    decay = std::exp(-dt / p.tau);
    mean = p.tau / dt * (1 - decay);
  }

  void step_dendrite() {
    const bool on = age >= p.bap_first and age <= p.bap_last;
    const double leak = vd - p.E_leak;
    const double inflow = p.g_ca / (1 + std::exp((p.E_ca - vd) / p.D_ca)) - p.g_leak * leak + w +
                          p.current_d + (on ? p.bap_current : 0) + p.e_gaba * mean * g[2];
    vd = (vd + dt / p.C_d * inflow) / (1 + dt / p.C_d * mean * g[2]);
    w += dt / p.tau_w * (p.a_w * leak - w);
    g[2] *= decay;
    ++age;
  }

  void update(nest::Time const& origin, const long from, const long to) override {
    const auto rng = nest::get_vp_specific_rng(get_thread());
    for (long lag = from; lag < to; ++lag) {
      const bool calcium = p.has_dendrite and vd >= p.v_calcium;
      if (p.has_dendrite) {
        step_dendrite();
      }
      const double above = v - p.v_r;
      const double inflow =
          p.k * above * (v - p.v_t) - u + p.current + p.noise * normal(rng) +
          p.e_gaba * mean * g[1];
      v = (v + dt / p.C * inflow) / (1 + dt / p.C * mean * (g[0] + g[1]));
      u += dt * p.a * (p.b * above - u);
      g[0] *= decay;
      g[1] *= decay;
      for (size_t i = 0; i < g.size(); ++i) {
        g[i] += arriving[i].get_value(lag);
      }
      if (v >= p.v_peak) {
        v = calcium ? p.c_burst : p.c;
        u += calcium ? p.d_burst : p.d;
        age = 1;
        ++spike_count;
        set_spiketime(nest::Time::step(origin.get_steps() + lag + 1));
        nest::SpikeEvent e;
        nest::kernel().event_delivery_manager.send(*this, e, lag);
      }
    }
  }

  Constants p;
  double v = 0, u = 0, vd = 0, w = 0;  // mV, pA, mV, pA
  std::array<double, 3> g{};           // nS
  long age = 1 << 20;                  // steps since the last spike
  long spike_count = 0;
  double dt = 0.1, decay = 1, mean = 1;  // mean: of g over a step, in units of its start
  nest::normal_distribution normal;
  std::array<nest::RingBuffer, 3> arriving;
};

class Module : public nest::NESTExtensionInterface {
 public:
  void initialize() override { nest::register_node_model<Cell>("neurogain_cell", ""); }
};

}  // namespace neurogain

neurogain::Module neurogain_module_LTX_module;
