#include "bine/python/loop.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "bine/base/raised.h"
#include "bine/python/incoming.h"
#include "bine/python/kept.h"
#include "bine/python/network.h"
#include "bine/python/stream_transport.h"
#include "bine/python/watch.h"

namespace bine::python {

namespace {

constexpr double kNanoseconds = 1e9;

// The loop that this thread turns without holding the GIL.
thread_local Loop* native_loop = nullptr;

TimePoint point_of(double seconds) noexcept {
    if (!(seconds < 9e9)) return TimePoint::max();  // not a number, too
    if (seconds < 0) return TimePoint();
    return TimePoint(Duration(static_cast<int64_t>(std::ceil(seconds * kNanoseconds))));
}

void take_gil(PyThreadState* thread) {
    in_python([thread] { PyEval_RestoreThread(thread); });
}

double seconds_of(TimePoint point) noexcept {
    return static_cast<double>(point.time_since_epoch().count()) / kNanoseconds;
}

}  // namespace

void TimerHandle::Alarm::expired() {
    Loop* loop = std::exchange(owner_.queue, nullptr);
    static_cast<ListHook<AllTimersTag>&>(*this).unlink();
    loop->append(owner_.base.object());
}

void Kept::give_up(PyObject* object) noexcept { native_loop ? native_loop->release_later(object) : Py_DECREF(object); }

Loop::Loop(State& state, PyObject* object, DriverKind driver)
    : state_(state), object_(object), reactor_(new Reactor(ReactorOptions{driver, Duration(0)})) {
    reactor_->set_lane_hooks(this);
}

Loop::Loop(State& state, PyObject* object, Reactor& host)
    : state_(state), object_(object), reactor_(&host), in_world_(true), running_now_(true) {
    reactor_->set_lane_hooks(this);
}

Loop::~Loop() {
    if (is_abandoned_) {
        // To take anything back would take it from the parent, whose epoll and ring these are.
        reactor_ = nullptr;
        (void)new (std::nothrow) auto(std::move(watches_));
        (void)new (std::nothrow) auto(std::move(incoming_));
        (void)network_.release();
    }
    close();
    clear_references();
}

int Loop::run() {
    done_ = false;
    has_work_ = true;  // what was queued before the run, and a look at the network first
    running_now_ = true;
    runner_ = PyThreadState_Get();
    thread_ = PyEval_SaveThread();
    Loop* const outer = std::exchange(native_loop, this);
    reactor_->run_until(done_);
    if (!is_abandoned_) {
        // What was written last leaves, too.
        const Reactor::Current current(*reactor_);
        reactor_->driver().wait(TimePoint::min());
    }
    take_gil(std::exchange(thread_, nullptr));
    runner_ = nullptr;
    native_loop = outer;
    release_dead();
    running_now_ = false;
    stopping_ = false;
    if (is_abandoned_ && !exit_) {
        PyErr_SetString(PyExc_RuntimeError,
                        "this loop belongs to the parent process; make a new one in the child of a fork");
        return -1;
    }
    return raise_exit();
}

int Loop::raise_exit() noexcept {
    if (!exit_) return 0;
    raise(std::move(exit_));
    return -1;
}

int Loop::run_once() {
    stopping_ = true;
    return run();
}

void Loop::enter() {
    take();
    if (!std::exchange(was_cut_short_, false)) return;
    reactor_->guard("what was queued before a look at the network", [this] { catch_up(); });
    has_stopped_early_ = stopping_;
}

void Loop::take() {
    if (in_world_) tell_world("_entered", nullptr);
    in_lane_ = true;
    if (!thread_) return;
    take_gil(thread_);
    native_loop = nullptr;
}

void Loop::leave() {
    in_lane_ = false;
    if (in_world_) {
        const Object exit = std::move(exit_);
        exit_ = Object();
        tell_world("_left", exit.get());
    }
    if (!thread_) return;
    thread_ = PyEval_SaveThread();
    native_loop = this;
}

bool Loop::refuses_thread() const noexcept {
    if (!is_elsewhere()) return false;
    PyErr_SetString(
        PyExc_RuntimeError,
        "Non-thread-safe operation invoked on an event loop that runs in another thread; let that one do it: "
        "loop.call_soon_threadsafe(...)");
    return true;
}

bool Loop::has_gil() const noexcept { return native_loop != this; }

void Loop::release_later(PyObject* object) noexcept {
    try {
        dead_.push_back(object);
        has_work_.store(true, std::memory_order_relaxed);
    } catch (const std::bad_alloc&) {
        // It stays alive: there is no memory to note that it need not.
    }
}

void Loop::release_dead() noexcept {
    while (!dead_.empty()) {
        std::vector<PyObject*> dead;
        dead.swap(dead_);
        for (PyObject* object : dead) Py_DECREF(object);
    }
}

PyObject* Loop::begin_as_guest() noexcept {
    is_guest_ = true;
    if (reactor_->fd() < 0) {
        PyErr_SetString(PyExc_RuntimeError, "this reactor cannot be a guest; make it with reactor=\"epoll\"");
        return nullptr;
    }
    reactor_->prepare_sleep();
    return PyLong_FromLong(reactor_->fd());
}

int Loop::run_ready() {
    host_woken_ = false;
    running_now_ = true;
    const bool more = reactor_->run_ready();
    running_now_ = false;
    if (!is_closed()) reactor_->prepare_sleep();
    if (exit_) return raise_exit();
    return more ? 1 : 0;
}

void Loop::wake_host() noexcept {
    if (is_closed() || running_now_ || std::exchange(host_woken_, true)) return;
    reactor_->driver().wake();
}

void Loop::tell_world(const char* method, PyObject* argument) noexcept {
    const Object done = Object::owned(PyObject_CallMethod(object_, method, argument ? "O" : nullptr, argument));
    if (!done) report_unraisable(object_);
}

void Loop::serve() {
    if (!running_now_) return;  // the end of the reactor
    has_work_ = false;
    const TimePoint look = reactor_->driver().now() + kWithoutALook;
    int left = kCallbacksPerTurn;
    do {
        release_dead();
        run_functions();
        expire_timers();
        if (!std::exchange(has_stopped_early_, false)) left -= iterate();
    } while (left > 0 && (!ready_.empty() || !functions_.empty()) && !stopping_ && !exit_ && !is_abandoned_ &&
             reactor_->driver().now() < look);
    done_ = stopping_ || exit_ || is_abandoned_;
    if (!ready_.empty() || !functions_.empty()) has_work_ = true;
    was_cut_short_ = !ready_.empty() && !done_;
    set_bell();
}

void Loop::run_functions() {
    if (functions_.empty()) return;
    std::vector<Function<void()>> functions;
    functions.swap(functions_);
    for (auto& function : functions) reactor_->guard("a call in Python's lane", function);
}

void Loop::expire_timers() noexcept {
    if (all_timers_.empty()) return;
    const double now = read_time();
    if (std::isnan(now)) return (void)callback_failed(nullptr);
    timers_.expire(point_of(now + 1e-9));
}

void Loop::catch_up() {
    if (in_lane_ && running_now_ && !is_iterating_ && !ready_.empty() && !stopping_ && !exit_ && !is_abandoned_)
        iterate();
}

// Runs what was queued before it began; answers how many that were.
int Loop::iterate() {
    iteration_.swap(ready_);
    next_ = 0;
    const Raised iterating(is_iterating_);
    while (next_ < iteration_.size() && !exit_ && !is_abandoned_) run(iteration_[next_++]);
    const auto ran = static_cast<int>(next_);
    if (next_ < iteration_.size()) put_back(next_);
    iteration_.clear();
    return ran;
}

void Loop::run(PyObject* handle) {
    const Object owned = Object::owned(handle);
    if (is_ours(handle)) {
        auto& ours = *reinterpret_cast<Handle*>(handle);
        if (ours.is_cancelled) return;
        PyObject* result = in_python([&ours] { return run_handle(ours); });
        if (result) {
            Py_DECREF(result);
        } else {
            (void)callback_failed(handle);
        }
        if (!ours.is_kept || ours.is_cancelled) forget_call(ours);
        return;
    }
    const Object done = Object::owned(in_python([&] { return PyObject_CallMethodNoArgs(handle, state_.run); }));
    if (!done) (void)callback_failed(handle);
}

// What a run that was broken off has not reached comes first in the next one.
void Loop::put_back(std::size_t from) {
    ready_.insert(ready_.begin(), iteration_.begin() + static_cast<std::ptrdiff_t>(from), iteration_.end());
}

void Loop::append(PyObject* handle) {
    ready_.push_back(handle);
    has_work_.store(true, std::memory_order_relaxed);
    touched();
}

void Loop::append_from_thread(PyObject* handle) {
    append(handle);
    reactor_->driver().wake();
}

void Loop::in_lane(Function<void()> function) {
    functions_.push_back(std::move(function));
    has_work_.store(true, std::memory_order_relaxed);
    touched();
}

double Loop::time() noexcept { return seconds_of(reactor_->driver().now()); }

double Loop::read_time() noexcept {
    if (!time_function_) return time();
    const Object now = Object::owned(PyObject_CallNoArgs(time_function_.get()));
    const double seconds = now ? PyFloat_AsDouble(now.get()) : -1;
    return PyErr_Occurred() ? std::numeric_limits<double>::quiet_NaN() : seconds;
}

void Loop::arm(TimerHandle& handle) noexcept {
    Py_INCREF(handle.base.object());
    handle.queue = this;
    const TimePoint when = point_of(handle.when);
    timers_.arm(handle.alarm, when);
    all_timers_.push_back(handle.alarm);
    // In a turn the bell is set at its end.
    if (in_lane_) return;
    if (!is_elsewhere()) return set_bell();
    has_work_.store(true, std::memory_order_relaxed);
    reactor_->driver().wake();
}

void Loop::disarm(TimerHandle& handle) noexcept {
    if (!std::exchange(handle.queue, nullptr)) return;
    timers_.cancel(handle.alarm);
    static_cast<ListHook<AllTimersTag>&>(handle.alarm).unlink();
    Py_DECREF(handle.base.object());
}

void Loop::set_bell() noexcept {
    if (all_timers_.empty()) return reactor_->timers().cancel(bell_);
    TimePoint next = timers_.next_deadline();
    if (time_function_) {
        const double now = read_time();
        if (std::isnan(now)) return PyErr_Clear();
        const auto left = std::max(next - point_of(now), Duration(0));
        next = reactor_->driver().now() + left;
    }
    if (!bell_.armed() || bell_.deadline() != next) reactor_->timers().arm(bell_, next);
}

bool Loop::take_exit() noexcept {
    if (!is_exit()) return false;
    if (!running_now_) return true;  // whoever called hears of it
    exit_ = take_exception();
    return true;
}

int Loop::callback_failed(PyObject* handle) noexcept {
    if (take_exit()) return running_now_ ? 0 : -1;
    const Object exception = take_exception();
    const Object done = Object::owned(PyObject_CallMethodObjArgs(object_, state_.callback_failed,
                                                                 handle ? handle : Py_None, exception.get(), nullptr));
    if (!done && !take_exit()) report_unraisable(object_);
    return 0;
}

void Loop::protocol_failed(StreamTransport& transport, const char* message) noexcept {
    if (take_exit()) return;
    const Object exception = take_exception();
    const Object text = Object::owned(PyUnicode_FromString(message));
    const Object done = Object::owned(PyObject_CallMethodObjArgs(object_, state_.transport_failed, transport.object(),
                                                                 exception.get(), text.get(), nullptr));
    if (!done && !take_exit()) report_unraisable(object_);
}

void Loop::incoming_failed() noexcept {
    const Object exception = take_exception();
    const Object done = Object::owned(PyObject_CallMethodOneArg(object_, state_.incoming_failed, exception.get()));
    if (!done && !take_exit()) report_unraisable(object_);
}

void Loop::report(StreamTransport& transport, const char* message) noexcept {
    const Object exception = take_exception();
    const Object text = Object::owned(PyUnicode_FromString(message));
    const Object done = Object::owned(
        PyObject_CallMethodObjArgs(object_, state_.report, transport.object(), exception.get(), text.get(), nullptr));
    if (!done && !take_exit()) report_unraisable(object_);
}

void Loop::report_unraisable(PyObject* where) noexcept { PyErr_WriteUnraisable(where); }

void Loop::report_unheard(PyObject* where) noexcept {
    if (!running_now_ || !take_exit()) report_unraisable(where);
}

Watch* Loop::watch(int fd) noexcept {
    return fd >= 0 && static_cast<std::size_t>(fd) < watches_.size() ? watches_[static_cast<std::size_t>(fd)].get()
                                                                     : nullptr;
}

PyObject* Loop::add_reader(int fd, PyObject* file, PyObject* handle, PyObject* socket) {
    return Watch::add(*this, watches_, fd, Object::borrowed(file), Object::owned(handle), SocketInUse(socket), true);
}

PyObject* Loop::add_writer(int fd, PyObject* file, PyObject* handle, PyObject* socket) {
    return Watch::add(*this, watches_, fd, Object::borrowed(file), Object::owned(handle), SocketInUse(socket), false);
}

int Loop::watched_as(PyObject* file) const noexcept { return Watch::find(watches_, file); }

bool Loop::remove_reader(int fd) noexcept { return Watch::remove(watches_, fd, true); }
bool Loop::remove_writer(int fd) noexcept { return Watch::remove(watches_, fd, false); }

Network& Loop::network() {
    if (!network_) network_ = std::make_unique<Network>(*reactor_);
    return *network_;
}

void Loop::set_transport(int fd, StreamTransport* transport) {
    if (fd < 0) return;
    const auto index = static_cast<std::size_t>(fd);
    if (transports_.size() <= index) transports_.resize(std::max<std::size_t>(index + 1, 2 * transports_.size()));
    transports_[index] = transport;
}

void Loop::forget_transport(int fd, StreamTransport* transport) noexcept {
    if (transport_of(fd) == transport && fd >= 0) transports_[static_cast<std::size_t>(fd)] = nullptr;
}

StreamTransport* Loop::transport_of(int fd) const noexcept {
    const auto index = static_cast<std::size_t>(fd);
    return fd >= 0 && index < transports_.size() ? transports_[index] : nullptr;
}

PyObject* Loop::start_serving(int fd, std::unique_ptr<Incoming> incoming) {
    stop_serving(fd);
    const auto opened = incoming->open(fd);
    if (!opened) return raise(opened.error());
    keep_serving(fd, std::move(incoming));
    Py_RETURN_NONE;
}

void Loop::keep_serving(int number, std::unique_ptr<Incoming> incoming) {
    incoming_.emplace_back(number, std::move(incoming));
}

void Loop::stop_serving(int fd) noexcept {
    std::erase_if(incoming_, [fd](const auto& one) { return one.first == fd; });
}

void Loop::end_pending() noexcept {
    const Reactor::Current current(*reactor_);
    while (Pending* pending = pending_.pop_front()) pending->loop_closes();
}

void Loop::close() noexcept {
    if (is_closed()) return;
    if (in_world_) return leave_host(true);
    end_pending();
    incoming_.clear();
    network_.reset();
    watches_.clear();
    reactor_->timers().cancel(bell_);
    // In this order: what the end of the reactor calls still finds it.
    reactor_->~Reactor();
    ::operator delete(static_cast<void*>(std::exchange(reactor_, nullptr)));
    functions_.clear();
    drop_handles();
    release_dead();
}

void Loop::abandon() noexcept {
    if (is_closed()) return;
    is_abandoned_ = true;
    if (!running_now_) reactor_ = nullptr;
}

void Loop::leave_host(bool crashes) noexcept {
    if (!reactor_) return;
    end_pending();
    const Reactor::Current current(*reactor_);
    running_now_ = false;
    incoming_.clear();
    network_.reset();
    functions_.clear();
    reactor_->timers().cancel(bell_);
    while (Wire* wire = wires_.pop_front()) wire->forsake(crashes);
    reactor_->set_lane_hooks(nullptr);
    reactor_ = nullptr;
    drop_handles();
    release_dead();
}

void Loop::add_wire(Wire& wire) noexcept {
    if (in_world_) wires_.push_back(wire);
}

int Loop::visit_any(PyObject* handle, visitproc visit, void* arg) noexcept {
    if (handle && is_ours(handle)) return visit_handle(*reinterpret_cast<Handle*>(handle), visit, arg);
    Py_VISIT(handle);
    return 0;
}

int Loop::traverse(visitproc visit, void* arg) noexcept {
    int stop = 0;
    const auto look = [&](PyObject* handle) {
        if (stop == 0) stop = visit_any(handle, visit, arg);
    };
    for (PyObject* handle : ready_) look(handle);
    for (std::size_t i = next_; i < iteration_.size(); ++i) look(iteration_[i]);
    for (auto* alarm = all_timers_.front(); alarm; alarm = all_timers_.after(*alarm))
        look(alarm->owner().base.object());
    for (const auto& watch : watches_) {
        if (watch) look(watch->file());
        if (watch) look(watch->reader());
        if (watch) look(watch->writer());
    }
    if (stop) return stop;
    for (StreamTransport* transport : transports_) {
        if (transport) Py_VISIT(transport->object());
    }
    for (const auto& [fd, incoming] : incoming_) {
        stop = incoming->traverse(visit, arg);
        if (stop) return stop;
    }
    for (Pending* pending = pending_.front(); pending; pending = pending_.after(*pending)) {
        stop = pending->traverse(visit, arg);
        if (stop) return stop;
    }
    Py_VISIT(time_function_.get());
    Py_VISIT(exit_.get());
    return 0;
}

// Somebody else may keep a handle, out of the collector's sight: it refers to nothing any more.
void Loop::drop_handles() noexcept {
    while (auto* alarm = all_timers_.front()) {
        const Object handle = Object::borrowed(alarm->owner().base.object());
        disarm(alarm->owner());
        forget_call(*reinterpret_cast<Handle*>(handle.get()));
    }
    std::vector<PyObject*> handles;
    handles.swap(ready_);
    has_work_ = false;
    for (PyObject* handle : handles) {
        if (is_ours(handle)) forget_call(*reinterpret_cast<Handle*>(handle));
        Py_DECREF(handle);
    }
}

void Loop::clear_references() noexcept {
    drop_handles();
    time_function_ = Object();
    exit_ = Object();
}

}  // namespace bine::python
