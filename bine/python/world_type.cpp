// _bine.World: what python/bine/sim needs of a simulated world.
#include <algorithm>
#include <new>

#include "bine/python/world.h"

namespace bine::python {

namespace {

struct WorldObject {
    PyObject_HEAD PlayedWorld* played;  // null when it is over
    PyObject* broken;                   // what a broken promise is raised as
};

WorldObject& object_of(PyObject* self) noexcept { return *reinterpret_cast<WorldObject*>(self); }

Duration seconds(double count) noexcept { return Duration(static_cast<int64_t>(std::min(count, 9e9) * 1e9)); }

double in_seconds(Duration time) noexcept { return std::chrono::duration<double>(time).count(); }

PlayedWorld* played_of(PyObject* self) noexcept {
    PlayedWorld* const world = object_of(self).played;
    if (!world) PyErr_SetString(PyExc_RuntimeError, "this world is over");
    return world;
}

// Runs `function(world)`; see played().
template <class F>
PyObject* in_world(PyObject* self, F&& function) noexcept {
    PlayedWorld* const world = played_of(self);
    if (!world) return nullptr;
    return played(*world, object_of(self).broken, [&] { return function(*world); });
}

template <class F>
PyObject* do_in_world(PyObject* self, F&& function) noexcept {
    return in_world(self, [&](PlayedWorld& world) {
        function(world.world());
        return Py_NewRef(Py_None);
    });
}

// What Network has, in its order; null is what the seed draws. False with an error set.
bool read_network(PyObject* tuple, std::optional<sim::NetworkOptions>& network) {
    if (tuple == Py_None) return true;
    double shortest = 0, longest = 0;
    unsigned long long bandwidth = 0;
    Py_ssize_t buffer = 0;
    int fragment = 0;
    sim::NetworkOptions o;
    if (!PyArg_ParseTuple(tuple, "ddKnpIIIIII", &shortest, &longest, &bandwidth, &buffer, &fragment, &o.reset,
                          &o.refusal, &o.accept_failure, &o.lookup_failure, &o.datagram_loss, &o.datagram_copy))
        return false;
    o.shortest_latency = seconds(shortest);
    o.longest_latency = seconds(longest);
    o.bandwidth = bandwidth;
    o.buffer = static_cast<std::size_t>(std::max<Py_ssize_t>(buffer, 1));
    o.fragment = fragment != 0;
    network = o;
    return true;
}

// World(seed, choices, network, starts, broken)
PyObject* make(PyTypeObject* type, PyObject* args, PyObject*) {
    unsigned long long seed = 0;
    PyObject *list = nullptr, *network_tuple = nullptr, *broken = nullptr;
    double starts = 0;
    if (!PyArg_ParseTuple(args, "KOOdO", &seed, &list, &network_tuple, &starts, &broken)) return nullptr;
    std::optional<sim::NetworkOptions> network;
    std::optional<sim::Choices> choices;
    if (!read_network(network_tuple, network)) return nullptr;
    return translated([&]() -> PyObject* {
        if (list != Py_None && !(choices = choices_of(list))) return nullptr;
        Object self = Object::owned(type->tp_alloc(type, 0));
        if (!self) return nullptr;
        object_of(self.get()).broken = Py_NewRef(broken);
        object_of(self.get()).played =
            new PlayedWorld(choices ? sim::Chance(seed, std::move(*choices)) : sim::Chance(seed), network, starts);
        return self.release();
    });
}

PyObject* add_host(PyObject* self, PyTypeObject* own_type, PyObject* const* args, Py_ssize_t count, PyObject*) {
    const char* name = count == 1 ? PyUnicode_AsUTF8(args[0]) : nullptr;
    if (!name) return PyErr_SetString(PyExc_TypeError, "a host has a name"), nullptr;
    return in_world(
        self, [&](PlayedWorld& world) { return make_host(state_of(own_type), world, world.world().add_host(name)); });
}

// run_until(holds, seconds): whether it came to that.
PyObject* run_until(PyObject* self, PyObject* args) {
    PyObject* holds = nullptr;
    double limit = 0;
    if (!PyArg_ParseTuple(args, "Od", &holds, &limit)) return nullptr;
    return in_world(self, [&](PlayedWorld& world) {
        const auto look = [&world, holds] {
            if (world.has_failed()) return true;
            const Object answer = Object::owned(PyObject_CallNoArgs(holds));
            const int holds_now = answer ? PyObject_IsTrue(answer.get()) : -1;
            if (holds_now < 0) world.failed();
            return holds_now != 0;
        };
        return PyBool_FromLong(world.world().run_until(look, seconds(limit)));
    });
}

PyObject* finish(PyObject* self, PyObject*) {
    return do_in_world(self, [](sim::World& world) { world.finish(); });
}

PyObject* choose(PyObject* self, PyObject* args) {
    const char* label = nullptr;
    unsigned long long n = 0;
    if (!PyArg_ParseTuple(args, "sK", &label, &n)) return nullptr;
    return in_world(self,
                    [&](PlayedWorld& world) { return PyLong_FromUnsignedLongLong(world.world().choose(label, n)); });
}

PyObject* one_in(PyObject* self, PyObject* args) {
    const char* label = nullptr;
    unsigned long long n = 0;
    if (!PyArg_ParseTuple(args, "sK", &label, &n)) return nullptr;
    return in_world(self, [&](PlayedWorld& world) { return PyBool_FromLong(world.world().one_in(label, n)); });
}

PyObject* buggify(PyObject* self, PyObject* args) {
    const char* label = nullptr;
    if (!PyArg_ParseTuple(args, "s", &label)) return nullptr;
    return in_world(self, [&](PlayedWorld& world) { return PyBool_FromLong(world.world().buggify(label)); });
}

PyObject* check(PyObject* self, PyObject* args) {
    int holds = 0;
    const char* promise = nullptr;
    if (!PyArg_ParseTuple(args, "ps", &holds, &promise)) return nullptr;
    return do_in_world(self, [&](sim::World& world) { world.check(holds != 0, promise); });
}

PyObject* sometimes(PyObject* self, PyObject* args) {
    int reached = 0;
    const char* label = nullptr;
    if (!PyArg_ParseTuple(args, "ps", &reached, &label)) return nullptr;
    return do_in_world(self, [&](sim::World& world) { world.sometimes(reached != 0, label); });
}

PyObject* note(PyObject* self, PyObject* args) {
    const char* line = nullptr;
    if (!PyArg_ParseTuple(args, "s", &line)) return nullptr;
    return do_in_world(self, [&](sim::World& world) { world.note(line); });
}

// cut_off(host), from all others, or cut_off(host, other).
PyObject* cut_off(PyObject* self, PyObject* args) {
    PyObject *one = nullptr, *other = nullptr;
    if (!PyArg_ParseTuple(args, "O|O", &one, &other)) return nullptr;
    PlayedHost* const from = host_of(one);
    PlayedHost* const to = from && other ? host_of(other) : nullptr;
    if (!from || (other && !to)) return nullptr;
    return do_in_world(self, [&](sim::World& world) {
        to ? world.partition(from->host(), to->host()) : world.partition(from->host());
    });
}

PyObject* join(PyObject* self, PyObject*) {
    return do_in_world(self, [](sim::World& world) { world.join(); });
}

PyObject* heal(PyObject* self, PyObject*) {
    return do_in_world(self, [](sim::World& world) { world.heal(); });
}

// disturb(seconds, hosts)
PyObject* disturb(PyObject* self, PyObject* args) {
    double time = 0;
    PyObject* list = nullptr;
    if (!PyArg_ParseTuple(args, "dO!", &time, &PyList_Type, &list)) return nullptr;
    return do_in_world(self, [&](sim::World& world) {
        std::vector<sim::Host*> mortal;
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
            PlayedHost* const host = host_of(PyList_GET_ITEM(list, i));
            if (!host) throw Error(Errc::invalid_argument, "who may crash is a list of hosts of this world");
            mortal.push_back(&host->host());
        }
        world.disturb(seconds(time), std::move(mortal));
    });
}

// at(time, function): between turns.
PyObject* at(PyObject* self, PyObject* args) {
    double when = 0;
    PyObject* function = nullptr;
    if (!PyArg_ParseTuple(args, "dO", &when, &function)) return nullptr;
    return in_world(self, [&](PlayedWorld& world) {
        world.world().at(TimePoint(seconds(when)), world.action(function));
        return Py_NewRef(Py_None);
    });
}

PyObject* enter(PyObject* self, PyObject*) {
    return in_world(self, [](PlayedWorld& world) {
        world.enter();
        return Py_NewRef(Py_None);
    });
}

PyObject* leave(PyObject* self, PyObject*) {
    if (object_of(self).played) object_of(self).played->leave();
    Py_RETURN_NONE;
}

// The end of all programs in it.
PyObject* close(PyObject* self, PyObject*) {
    delete std::exchange(object_of(self).played, nullptr);
    Py_RETURN_NONE;
}

PyObject* random_bytes(PyObject* self, PyObject* count_object) {
    const Py_ssize_t count = PyLong_AsSsize_t(count_object);
    if (count < 0)
        return PyErr_Occurred() ? nullptr : (PyErr_SetString(PyExc_ValueError, "a negative number of bytes"), nullptr);
    return in_world(self, [&](PlayedWorld& world) {
        PyObject* bytes = PyBytes_FromStringAndSize(nullptr, count);
        if (bytes) world.random(PyBytes_AS_STRING(bytes), static_cast<std::size_t>(count));
        return bytes;
    });
}

PyObject* text(std::string_view words) {
    return PyUnicode_DecodeUTF8(words.data(), static_cast<Py_ssize_t>(words.size()), "backslashreplace");
}

PyObject* get_now(PyObject* self, void*) {
    return in_world(self, [](PlayedWorld& world) {
        return PyFloat_FromDouble(in_seconds(world.world().now().time_since_epoch()));
    });
}
PyObject* get_network(PyObject* self, void*) {
    return in_world(self, [](PlayedWorld& world) { return text(world.world().network().to_string()); });
}
PyObject* get_choices(PyObject* self, void*) {
    return in_world(self, [](PlayedWorld& world) { return list_of(world.world().choices()); });
}
PyObject* get_hash(PyObject* self, void*) {
    return in_world(self, [](PlayedWorld& world) { return PyLong_FromUnsignedLongLong(world.world().trace_hash()); });
}
PyObject* get_story(PyObject* self, void*) {
    return in_world(self, [](PlayedWorld& world) { return text(world.story()); });
}
PyObject* get_violation(PyObject* self, void*) {
    return in_world(self, [](PlayedWorld& world) {
        const auto& violation = world.world().violation();
        return violation ? text(violation->text) : Py_NewRef(Py_None);
    });
}
// [(what, how often it was reached)]
PyObject* get_reached(PyObject* self, void*) {
    return in_world(self, [](PlayedWorld& world) -> PyObject* {
        Object list = Object::owned(PyList_New(0));
        for (const auto& [label, count] : world.world().record().reached()) {
            const Object pair = Object::owned(Py_BuildValue(
                "(s#K)", label.data(), static_cast<Py_ssize_t>(label.size()), static_cast<unsigned long long>(count)));
            if (!list || !pair || PyList_Append(list.get(), pair.get()) < 0) return nullptr;
        }
        return list.release();
    });
}

int traverse(PyObject* self, visitproc visit, void* arg) {
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(object_of(self).broken);
    return 0;
}

int clear(PyObject* self) {
    Py_CLEAR(object_of(self).broken);
    return 0;
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    delete std::exchange(object_of(self).played, nullptr);
    clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

template <class F>
PyCFunction function(F method) {
    return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method));
}
template <class F>
void* slot(F pointer) {
    return reinterpret_cast<void*>(pointer);
}

PyMethodDef methods[] = {
    {"add_host", function(add_host), METH_METHOD | METH_FASTCALL | METH_KEYWORDS, nullptr},
    {"run_until", run_until, METH_VARARGS, nullptr},
    {"finish", finish, METH_NOARGS, nullptr},
    {"choose", choose, METH_VARARGS, nullptr},
    {"one_in", one_in, METH_VARARGS, nullptr},
    {"buggify", buggify, METH_VARARGS, nullptr},
    {"check", check, METH_VARARGS, nullptr},
    {"sometimes", sometimes, METH_VARARGS, nullptr},
    {"note", note, METH_VARARGS, nullptr},
    {"cut_off", cut_off, METH_VARARGS, nullptr},
    {"join", join, METH_NOARGS, nullptr},
    {"heal", heal, METH_NOARGS, nullptr},
    {"disturb", disturb, METH_VARARGS, nullptr},
    {"at", at, METH_VARARGS, nullptr},
    {"enter", enter, METH_NOARGS, nullptr},
    {"leave", leave, METH_NOARGS, nullptr},
    {"close", close, METH_NOARGS, nullptr},
    {"random_bytes", random_bytes, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};
PyGetSetDef attributes[] = {
    {"now", get_now, nullptr, nullptr, nullptr},         {"network", get_network, nullptr, nullptr, nullptr},
    {"choices", get_choices, nullptr, nullptr, nullptr}, {"hash", get_hash, nullptr, nullptr, nullptr},
    {"story", get_story, nullptr, nullptr, nullptr},     {"violation", get_violation, nullptr, nullptr, nullptr},
    {"reached", get_reached, nullptr, nullptr, nullptr}, {nullptr, nullptr, nullptr, nullptr, nullptr},
};

}  // namespace

int add_world_type(PyObject* module, State& state) {
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>("A simulated world; bine.sim is what programs use.")},
        {Py_tp_new, slot(make)},
        {Py_tp_dealloc, slot(deallocate)},
        {Py_tp_traverse, slot(traverse)},
        {Py_tp_clear, slot(clear)},
        {Py_tp_methods, methods},
        {Py_tp_getset, attributes},
        {0, nullptr},
    };
    PyType_Spec spec{"bine._bine.World", sizeof(WorldObject), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
    state.world_type = reinterpret_cast<PyTypeObject*>(PyType_FromModuleAndSpec(module, &spec, nullptr));
    return state.world_type ? PyModule_AddType(module, state.world_type) : -1;
}

}  // namespace bine::python
