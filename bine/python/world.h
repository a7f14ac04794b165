// Simulated worlds for Python: what _bine.World and _bine.Host hold. What users see is python/bine/sim.
//
// One thread plays a world and holds the GIL all the time. Each host that runs a program has a loop on its
// reactor; the host's object knows it from the program's start to its end or the host's crash.
#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "bine/async/deferred.h"
#include "bine/python/real_world.h"
#include "bine/python/state.h"
#include "bine/sim/world.h"

namespace bine::python {

class Loop;
class PlayedWorld;

// A machine of a world.
class PlayedHost {
public:
    PlayedHost(PlayedWorld& world, sim::Host& host);
    ~PlayedHost();

    PlayedWorld& world() noexcept { return world_; }
    sim::Host& host() noexcept { return host_; }

    // Calls `boot` for a loop with the program on it, now and after each restart of the host.
    void run(Object boot);
    // The program has come to its end, by itself; with an error when `error` is no null.
    void ended(std::optional<std::string> error);

    struct Connecting;
    // Sets the result of `future` to `transport`, which is not begun, or its exception. Answers a number for cancel_connect.
    PyObject* connect(Loop& loop, PyObject* transport, PyObject* future, const Address& remote, const Address& local);
    void cancel_connect(uint64_t number) noexcept;

private:
    Deferred<> begin(PyObject* boot);
    void stop() noexcept;
    void end(bool crashes) noexcept;

    PlayedWorld& world_;
    sim::Host& host_;
    Object loop_;
    std::optional<Promise<>> ended_;
    uint64_t starts_ = 0;
    uint64_t connects_ = 0;
    std::vector<std::unique_ptr<Connecting>> connecting_;
};

class PlayedWorld final : private UnrealWorld {
public:
    // `starts`: what a clock that is right shows when the world begins, seconds.
    PlayedWorld(sim::Chance chance, std::optional<sim::NetworkOptions> network, double starts);
    ~PlayedWorld();
    PlayedWorld(const PlayedWorld&) = delete;
    PlayedWorld& operator=(const PlayedWorld&) = delete;

    sim::World& world() noexcept { return *world_; }
    std::string story();
    // The real clocks, chance and sockets of this thread are the world's, from enter() to leave().
    void enter();
    void leave() noexcept;
    void random(char* bytes, std::size_t count) noexcept override;

    // Takes the error that is set: the run ends with it.
    void failed() noexcept;
    bool has_failed() const noexcept { return static_cast<bool>(error_); }
    // The error is set again. Answers null.
    PyObject* raise_failure() noexcept { return raise(std::exchange(error_, Object())), nullptr; }
    Function<void()> action(PyObject* function);

    std::vector<Object> hosts;  // objects

private:
    TimePoint now() noexcept override { return world_->now(); }
    WallTime wall_now() noexcept override;

    char* text_ = nullptr;
    std::size_t size_ = 0;
    std::FILE* story_;
    UnrealWorld* outer_ = nullptr;
    bool entered_ = false;
    uint64_t drawn_;
    Object error_;
    std::unique_ptr<sim::World> world_;
};

// Of an object of the host's type; null, with an error set, when its world is over.
PlayedHost* host_of(PyObject* object) noexcept;
// Null when `object` is no host, or one that is down.
Reactor* reactor_of_host(State& state, PyObject* object) noexcept;
// An IP address, or the path of a Unix socket when `port` is -1; "" is none. Nothing, with an error set, for others.
std::optional<Address> read_address(const char* host, int port);
// An object of datagrams_type. Null with an error set; throws Error.
PyObject* open_datagrams(Loop& loop, PyObject* receiver, const Address& local, const Address& remote);
// A host's object, which the world keeps.
PyObject* make_host(State& state, PlayedWorld& world, sim::Host& host);
// The world is over.
void forget_host(PyObject* object) noexcept;

// _shrink(choices, fails, attempts): a plainer list of choices for which `fails` is true.
PyObject* shrink(PyObject*, PyObject* args);
// Null with an error set.
std::optional<sim::Choices> choices_of(PyObject* list);
PyObject* list_of(const sim::Choices& choices);

// Runs what may break a promise: then an AssertionError of the class `broken` is set, or the error that a callback left.
template <class F>
PyObject* played(PlayedWorld& world, PyObject* broken, F&& function) noexcept {
    PyObject* result = nullptr;
    try {
        result = function();
    } catch (const sim::Violation& violation) {
        if (!world.has_failed()) PyErr_SetString(broken, violation.text.c_str());
    } catch (...) {
        raise_current();
    }
    if (!world.has_failed()) return result;
    Py_XDECREF(result);
    return world.raise_failure();
}

}  // namespace bine::python
