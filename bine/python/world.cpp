#include "bine/python/world.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "bine/net/connection.h"
#include "bine/python/loop.h"
#include "bine/python/stream_transport.h"
#include "bine/sim/scenario.h"

namespace bine::python {

// The world.

PlayedWorld::PlayedWorld(sim::Chance chance, std::optional<sim::NetworkOptions> network, double starts)
    : story_(::open_memstream(&text_, &size_)), drawn_(chance.seed()) {
    if (!story_) throw std::bad_alloc();
    world_ = network ? std::make_unique<sim::World>(std::move(chance), *network)
                     : std::make_unique<sim::World>(std::move(chance));
    world_->tell(story_);
    world_->note("the network: " + world_->network().to_string());
    world_->set_wall_clock(WallTime(Duration(static_cast<int64_t>(std::llround(starts * 1e6)) * 1000)));
}

PlayedWorld::~PlayedWorld() {
    world_.reset();
    leave();
    for (const Object& host : hosts) forget_host(host.get());
    std::fclose(story_);
    std::free(text_);
}

std::string PlayedWorld::story() {
    std::fflush(story_);
    return std::string(text_, size_);
}

void PlayedWorld::enter() {
    if (std::exchange(entered_, true)) return;
    outer_ = put_in_place(this);
}

void PlayedWorld::leave() noexcept {
    if (std::exchange(entered_, false)) put_in_place(outer_);
}

// As the host that turns sees it.
WallTime PlayedWorld::wall_now() noexcept {
    Reactor* const reactor = Reactor::current();
    const bool ours = reactor && reactor->driver().is_simulated();
    return ours ? reactor->wall_now() : world_->wall_now();
}

// Follows from the seed alone (splitmix64), and is no choice of the run: to make these bytes plainer would only make what
// must be unique the same.
void PlayedWorld::random(char* bytes, std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        uint64_t word = drawn_ += 0x9e3779b97f4a7c15;
        word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
        word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
        bytes[i] = static_cast<char>(word ^ (word >> 31));
    }
}

// The first one counts.
void PlayedWorld::failed() noexcept {
    Object error = take_exception();
    if (!error_) error_ = std::move(error);
}

Function<void()> PlayedWorld::action(PyObject* function) {
    return [this, kept = Object::borrowed(function)] {
        const Object done = Object::owned(PyObject_CallNoArgs(kept.get()));
        if (!done) failed();
    };
}

// Outgoing connections that are not there yet.
struct PlayedHost::Connecting {
    uint64_t number;
    Object transport;
    Object future;
    Connection* connection = nullptr;
};

// A host and the program on it.

PlayedHost::PlayedHost(PlayedWorld& world, sim::Host& host) : world_(world), host_(host) {}
PlayedHost::~PlayedHost() = default;

void PlayedHost::run(Object boot) {
    host_.run([this, boot = std::move(boot)](Reactor&) { return begin(boot.get()); });
}

Deferred<> PlayedHost::begin(PyObject* boot) {
    end(false);  // of a program that was there before
    Object loop = Object::owned(PyObject_CallNoArgs(boot));
    if (!loop) {
        world_.failed();
        return ready();
    }
    ++starts_;
    loop_ = std::move(loop);
    host_.before_end([this] { end(true); });
    Promise<> promise;
    Deferred<> running = promise.deferred();
    promise.on_cancel([this]() noexcept { stop(); });
    ended_ = std::move(promise);
    return running;
}

// Asks the program to end.
void PlayedHost::stop() noexcept {
    if (!loop_) return;
    const Object done = Object::owned(PyObject_CallMethod(loop_.get(), "_stop_program", nullptr));
    if (!done) Loop::report_unraisable(loop_.get());
}

// Between turns, as the loop is on the stack now.
void PlayedHost::ended(std::optional<std::string> error) {
    sim::World& world = world_.world();
    world.at(world.now(), [this, start = starts_, error = std::move(error)] {
        if (start != starts_ || !loop_) return;
        end(false);
        Promise<> promise = std::move(*std::exchange(ended_, std::nullopt));
        if (error) {
            std::move(promise).fail(Errc::broken, *error);
        } else {
            std::move(promise).resolve();
        }
    });
}

void PlayedHost::end(bool crashes) noexcept {
    const Object loop = std::exchange(loop_, Object());
    if (!loop) return;
    const Object done = Object::owned(PyObject_CallMethod(loop.get(), "_leave", "O", crashes ? Py_True : Py_False));
    if (!done) Loop::report_unraisable(loop.get());
    for (const auto& one : std::exchange(connecting_, {})) {
        if (!crashes && one->connection) one->connection->cancel_connect();
    }
    loop_of(loop.get()).leave_host(crashes);
}

namespace {

// `result` is a transport, or what went wrong. A transport that nobody waits for any more is aborted.
void settle(PyObject* future, PyObject* result, bool failed) noexcept {
    const Object over = Object::owned(PyObject_CallMethod(future, "done", nullptr));
    Object done = over;
    if (over.get() == Py_False) {
        done = Object::owned(PyObject_CallMethod(future, failed ? "set_exception" : "set_result", "O", result));
    } else if (over && !failed) {
        done = Object::owned(PyObject_CallMethod(result, "abort", nullptr));
    }
    if (!done) Loop::report_unraisable(future);
}

ConnectionOptions in_a_world() {
    ConnectionOptions options;
    options.lane = Lane::second;
    options.ends_plainly = true;
    return options;
}

}  // namespace

PyObject* PlayedHost::connect(Loop& loop, PyObject* transport, PyObject* future, const Address& remote,
                              const Address& local) {
    const uint64_t number = ++connects_;
    connecting_.push_back(
        std::make_unique<Connecting>(Connecting{number, Object::borrowed(transport), Object::borrowed(future)}));
    Connecting& one = *connecting_.back();
    const auto make_wire = [&loop, &one] {
        return std::make_unique<Wire>(loop, StreamTransport::of(one.transport.get()));
    };
    const auto settled = [this, &loop, number](const Error* error) {
        const auto found = std::find_if(connecting_.begin(), connecting_.end(),
                                        [number](const auto& other) { return other->number == number; });
        if (found == connecting_.end()) return;
        const auto taken = std::move(*found);
        connecting_.erase(found);
        Object result = error ? exception_of(*error) : taken->transport;
        loop.in_lane([future = std::move(taken->future), result = std::move(result), failed = error != nullptr] {
            settle(future.get(), result.get(), failed);
        });
    };
    const auto connection = Connection::connect(loop.reactor(), remote, local, make_wire, settled, in_a_world());
    if (!connection) {
        std::erase_if(connecting_, [number](const auto& other) { return other->number == number; });
        return raise(connection.error());
    }
    one.connection = *connection;
    return PyLong_FromUnsignedLongLong(number);
}

void PlayedHost::cancel_connect(uint64_t number) noexcept {
    const auto found = std::find_if(connecting_.begin(), connecting_.end(),
                                    [number](const auto& other) { return other->number == number; });
    if (found == connecting_.end()) return;
    const auto taken = std::move(*found);
    connecting_.erase(found);
    taken->connection->cancel_connect();
}

// Choices.

PyObject* list_of(const sim::Choices& choices) {
    Object list = Object::owned(PyList_New(static_cast<Py_ssize_t>(choices.size())));
    for (std::size_t i = 0; list && i < choices.size(); ++i) {
        PyObject* number = PyLong_FromUnsignedLongLong(choices[i]);
        if (!number) return nullptr;
        PyList_SET_ITEM(list.get(), static_cast<Py_ssize_t>(i), number);
    }
    return list.release();
}

std::optional<sim::Choices> choices_of(PyObject* list) {
    const Object sequence = Object::owned(PySequence_Fast(list, "choices are a list of numbers"));
    if (!sequence) return std::nullopt;
    sim::Choices choices;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence.get()); ++i) {
        choices.push_back(PyLong_AsUnsignedLongLong(PySequence_Fast_GET_ITEM(sequence.get(), i)));
        if (PyErr_Occurred()) return std::nullopt;
    }
    return choices;
}

PyObject* shrink(PyObject*, PyObject* args) {
    PyObject *list = nullptr, *fails = nullptr;
    Py_ssize_t attempts = 0;
    if (!PyArg_ParseTuple(args, "OOn", &list, &fails, &attempts)) return nullptr;
    return translated([&]() -> PyObject* {
        auto choices = choices_of(list);
        if (!choices) return nullptr;
        // After an error nothing fails any more, which ends the search soon.
        const auto still_fails = [fails](const sim::Choices& fewer) {
            if (PyErr_Occurred()) return false;
            const Object argument = Object::owned(list_of(fewer));
            const Object answer = argument ? Object::owned(PyObject_CallOneArg(fails, argument.get())) : Object();
            return answer && PyObject_IsTrue(answer.get()) == 1;
        };
        const auto plainer = sim::shrink(std::move(*choices), still_fails, static_cast<std::size_t>(attempts));
        return PyErr_Occurred() ? nullptr : list_of(plainer);
    });
}

}  // namespace bine::python
