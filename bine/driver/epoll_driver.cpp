#include "bine/driver/epoll_driver.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "bine/driver/drivers.h"
#include "bine/driver/epoll_slot.h"
#include "bine/driver/socket.h"

namespace bine {

namespace {

constexpr std::size_t kBuffer = 65536;
constexpr int kEvents = 256;
constexpr int kAcceptsPerTurn = 64;
constexpr int kDatagramsPerTurn = 32;
constexpr std::size_t kThreads = 8;

// Words that are no SocketId's: a generation is never 0.
constexpr uint64_t kWakeWord = 0;
constexpr uint64_t kTimerWord = 1;

timespec to_timespec(Duration length) noexcept {
    const auto count = std::max<Duration::rep>(length.count(), 0);
    return {static_cast<time_t>(count / 1'000'000'000), static_cast<long>(count % 1'000'000'000)};
}

// Rounded up, so that an older kernel never wakes before the time.
int to_milliseconds(const timespec& length) noexcept {
    const auto count = static_cast<int64_t>(length.tv_sec) * 1000 + (length.tv_nsec + 999'999) / 1'000'000;
    return static_cast<int>(std::min<int64_t>(count, INT32_MAX));
}

Duration read_clock(clockid_t clock) noexcept {
    timespec value{};
    ::clock_gettime(clock, &value);
    return std::chrono::seconds(value.tv_sec) + Duration(value.tv_nsec);
}

bool is_scarcity(int error) noexcept {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

struct EpollDriver::Level {
    char buffer[kBuffer];
    epoll_event events[kEvents];
};

// One more depth of callbacks: reserves the level that belongs to it.
class EpollDriver::Descent {
public:
    explicit Descent(EpollDriver& driver) : driver_(driver) {
        if (driver.levels_.size() == driver.depth_) driver.add_level();
        ++driver.depth_;
    }
    ~Descent() { --driver_.depth_; }
    Descent(const Descent&) = delete;
    Descent& operator=(const Descent&) = delete;

    Level& level() noexcept { return *driver_.levels_[driver_.depth_ - 1]; }

private:
    EpollDriver& driver_;
};

std::unique_ptr<Driver> make_epoll_driver(std::string reason, SystemCalls& system) {
    return std::make_unique<EpollDriver>(std::move(reason), system);
}

EpollDriver::EpollDriver(std::string reason, SystemCalls& system, uint32_t first)
    : reason_(std::move(reason)),
      system_(system),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      slots_(first),
      threads_(kThreads, [this] { wake(); }) {
    if (!epoll_) throw Error::from_errno(errno, "make an epoll instance");
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) throw Error::from_errno(errno, "make an eventfd");
    epoll_event event{.events = EPOLLIN, .data = {.u64 = kWakeWord}};
    system_.epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
    add_level();
}

// Not by make_unique, which would clear 64 KiB.
void EpollDriver::add_level() { levels_.push_back(std::unique_ptr<Level>(new Level)); }

EpollDriver::~EpollDriver() {
    slots_.for_each([this](SocketId, Slot& slot) { erase(slot); });
}

TimePoint EpollDriver::now() noexcept { return TimePoint(read_clock(CLOCK_MONOTONIC)); }
WallTime EpollDriver::wall_now() noexcept { return WallTime(read_clock(CLOCK_REALTIME)); }

void EpollDriver::random(std::span<char> bytes) noexcept {
    while (!bytes.empty()) {
        const auto count = ::getrandom(bytes.data(), bytes.size(), 0);
        if (count > 0) bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

void EpollDriver::wait(TimePoint deadline) {
    Descent descent(*this);
    Level& level = descent.level();
    const int count = poll(before_wait(deadline), level);
    deliver_notices(Lane::native);
    for (int i = 0; i < count; ++i) dispatch(level.events[i].data.u64, level.events[i].events);
    serve_unpollable();
    finish_thread_tasks();
}

TimePoint EpollDriver::before_wait(TimePoint deadline) noexcept {
    flush_all();
    if (must_not_sleep()) return TimePoint::min();
    return lingering_.empty() ? deadline : std::min(deadline, lingering_.front()->lingers_until);
}

int EpollDriver::poll(TimePoint deadline, Level& level) noexcept {
    timespec timeout{};
    const timespec* limit = deadline == TimePoint::max() ? nullptr : &timeout;
    int count = 0;
    do {  // a signal does not end the wait: whoever handles it writes to a descriptor that does
        if (deadline != TimePoint::min() && limit) timeout = to_timespec(deadline - now());
        if (!waits_in_milliseconds_) count = system_.epoll_pwait2(epoll_.get(), level.events, kEvents, limit);
        if (count < 0 && errno == ENOSYS) waits_in_milliseconds_ = true;
        if (waits_in_milliseconds_) {
            count = ::epoll_wait(epoll_.get(), level.events, kEvents, limit ? to_milliseconds(timeout) : -1);
        }
    } while (count < 0 && errno == EINTR);
    if (!lingering_.empty()) end_lingering(now());
    return std::max(count, 0);
}

bool EpollDriver::must_not_sleep() const noexcept {
    if (!to_flush_.empty() || !notices_[0].empty() || !done_tasks_.empty() || second_lane_has_work()) return true;
    Slot* slot = unpollable_.front();
    while (slot && !slot->reads()) slot = unpollable_.after(*slot);
    return slot != nullptr;
}

void EpollDriver::dispatch(uint64_t word, uint32_t events) {
    if (word == kWakeWord || word == kTimerWord) {
        uint64_t ignored = 0;
        system_.read(word == kWakeWord ? wake_.get() : host_timer_.get(), &ignored, sizeof ignored);
        if (word == kTimerWord) return;
        woken_.store(false, std::memory_order_seq_cst);
        threads_.take_done(done_tasks_);
        return;
    }
    const SocketId id = SocketId::from_word(word);
    const Slot* slot = find(id);
    if (!slot) return;
    if (slot->lane == Lane::second && (slot->kind == Kind::watch || slot->phase <= Phase::open)) {
        second_events_.push_back({id, events});
    } else {
        serve({id, events});
    }
}

void EpollDriver::serve(const Event& event) {
    Slot* slot = find(event.id);
    if (!slot) return;
    try {
        switch (slot->kind) {
            case Kind::stream: stream_ready(*slot, event.events); break;
            case Kind::listener: accept_some(*slot); break;
            case Kind::datagram: read_datagrams(*slot); break;
            case Kind::watch: watched_ready(*slot, event.events); break;
        }
    } catch (const std::bad_alloc&) {
        out_of_memory(event.id);
    }
}

void EpollDriver::watched_ready(Slot& slot, uint32_t events) {
    const bool broken = events & (EPOLLERR | EPOLLHUP);
    const uint32_t asked = slot.registered.value_or(0);
    slot.watch_sink->ready((events & EPOLLIN) || (broken && (asked & EPOLLIN)),
                           (events & EPOLLOUT) || (broken && (asked & EPOLLOUT)));
}

void EpollDriver::serve_unpollable() {
    IntrusiveList<Slot, RareTag> now;
    now.splice_back(unpollable_);
    while (Slot* slot = now.pop_front()) {
        unpollable_.push_back(*slot);
        if (slot->reads()) dispatch(slot->id.word(), EPOLLIN);
    }
}

void EpollDriver::finish_thread_tasks() {
    while (ThreadTask* task = done_tasks_.pop_front()) task->done();
}

bool EpollDriver::second_lane_has_work() const noexcept { return !second_events_.empty() || !notices_[1].empty(); }

void EpollDriver::serve_second_lane() {
    Descent descent(*this);
    deliver_notices(Lane::second);
    std::vector<Event> events;
    events.swap(second_events_);
    for (const Event& event : events) serve(event);
    events.clear();
    if (second_events_.empty()) second_events_.swap(events);
}

void EpollDriver::wake() noexcept {
    if (woken_.exchange(true, std::memory_order_seq_cst)) return;
    const uint64_t one = 1;
    [[maybe_unused]] const auto count = ::write(wake_.get(), &one, sizeof one);
}

void EpollDriver::prepare_sleep(TimePoint deadline) {
    deadline = before_wait(deadline);
    if (!host_timer_) {
        if (deadline == TimePoint::max()) return;
        host_timer_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
        epoll_event event{.events = EPOLLIN, .data = {.u64 = kTimerWord}};
        system_.epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, host_timer_.get(), &event);
    }
    itimerspec when{};
    // An all-zero value would disarm it: what is overdue fires a nanosecond after the epoch of the clock.
    if (deadline != TimePoint::max()) when.it_value = to_timespec(std::max(deadline.time_since_epoch(), Duration(1)));
    ::timerfd_settime(host_timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

std::pair<SocketId, EpollDriver::Slot*> EpollDriver::add(Kind kind, Descriptor input) {
    auto [id, slot] = slots_.emplace(kind, std::move(input));
    slot->id = id;
    if (kind == Kind::stream) ++streams_;
    return {id, slot};
}

void EpollDriver::erase(Slot& slot) noexcept {
    if (slot.kind == Kind::stream) --streams_;
    if (slot.kind == Kind::watch) {
        leave_epoll(slot);
        [[maybe_unused]] const int fd = slot.input.release();
    }
    if (slot.unlink_path) ::unlink(std::string(slot.peer.path()).c_str());
    close_descriptors(slot);
    slots_.erase(slot.id);
}

void EpollDriver::close_descriptors(Slot& slot) noexcept {
    if (slot.adopted) leave_epoll(slot);
    if (slot.input_blocked) ::fcntl(slot.input.get(), F_SETFL, ::fcntl(slot.input.get(), F_GETFL) & ~O_NONBLOCK);
    if (slot.output_blocked) ::fcntl(slot.output.get(), F_SETFL, ::fcntl(slot.output.get(), F_GETFL) & ~O_NONBLOCK);
    slot.input_blocked = slot.output_blocked = false;
    slot.input.reset();
    slot.output.reset();
    slot.registered.reset();
    slot.output_registered.reset();
}

void EpollDriver::leave_epoll(Slot& slot) noexcept {
    stop_watching(slot.input.get(), slot.registered);
    stop_watching(slot.output.get(), slot.output_registered);
}

void EpollDriver::stop_watching(int fd, std::optional<uint8_t>& registered) noexcept {
    if (registered) system_.epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    registered.reset();
}

// 0, or the errno of a descriptor that cannot be watched: EPERM for a regular file.
int EpollDriver::apply(int fd, uint64_t word, std::optional<uint8_t>& registered, uint32_t wanted) noexcept {
    const auto interest = static_cast<uint8_t>(wanted | wanted >> 24);  // EPOLLEXCLUSIVE in a byte, too
    if (registered == interest || (!registered && wanted == 0)) return 0;
    epoll_event event{.events = wanted, .data = {.u64 = word}};
    if (system_.epoll_ctl(epoll_.get(), registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) return errno;
    registered = interest;
    return 0;
}

// Several drivers may listen with one socket, and a connection wakes one of them. So who accepts nobody for now must not be
// registered: it would be woken instead of another.
void EpollDriver::refresh_listener(Slot& slot) noexcept {
    if (slot.paused) return stop_watching(slot.input.get(), slot.registered);
    if (slot.unpollable) return;
    if (apply(slot.input.get(), slot.id.word(), slot.registered, EPOLLIN | EPOLLEXCLUSIVE) == 0) return;
    slot.unpollable = true;
    unpollable_.push_back(slot);
}

void EpollDriver::refresh_interest(Slot& slot) noexcept {
    if (slot.kind == Kind::listener) return refresh_listener(slot);
    const bool resting = slot.kind != Kind::watch && slot.phase == Phase::open && slot.paused && !slot.ended_there;
    const bool reads = slot.kind == Kind::stream ? slot.reads() || slot.discards() : !slot.paused;
    const uint32_t kept = resting ? slot.registered.value_or(0) & uint32_t{EPOLLIN} : 0;
    const uint32_t input = reads ? uint32_t{EPOLLIN} : kept;
    const uint32_t output = slot.blocked || slot.phase == Phase::connecting ? uint32_t{EPOLLOUT} : 0;
    const uint64_t word = slot.id.word();
    const bool one = !slot.output;
    int failed = slot.unpollable ? 0 : apply(slot.input.get(), word, slot.registered, one ? input | output : input);
    if (failed == EPERM || (failed != 0 && slot.kind != Kind::stream)) {
        slot.unpollable = true;
        unpollable_.push_back(slot);
        failed = 0;
    }
    if (!one && output != 0) {
        if (failed == 0) failed = apply(slot.output.get(), word, slot.output_registered, output);
    } else if (!one) {
        // Not with an interest of nothing: that a pipe has lost its reader would be reported for ever.
        stop_watching(slot.output.get(), slot.output_registered);
    }
    if (failed != 0) break_off(slot, failed, "watch the socket of ");
}

Result<SocketId> EpollDriver::listen(const Address& address, const ListenOptions& options, AcceptSink& sink) {
    auto made = socket::listen(address, options, system_);
    if (!made) return fail(made.error());
    auto id = adopt_listener(std::move(*made), sink);
    if (id && socket::is_path(address)) {
        Slot* slot = find(*id);
        slot->unlink_path = true;
        slot->peer = address;
    }
    return id;
}

Result<SocketId> EpollDriver::adopt_listener(Descriptor socket, AcceptSink& sink) {
    socket::set_non_blocking(socket.get());
    if (socket::local_address(socket.get()).is_ip())
        socket::set_no_delay(socket.get(), true);  // connections inherit it
    auto [id, slot] = add(Kind::listener, std::move(socket));
    slot->accept_sink = &sink;
    slot->adopted = true;
    return id;
}

void EpollDriver::accept_some(Slot& listener) {
    const SocketId listener_id = listener.id;
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
        Slot* slot = find(listener_id);
        if (!slot || slot->paused) break;
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        auto* native = reinterpret_cast<sockaddr*>(&storage);
        Descriptor fd(system_.accept4(slot->input.get(), native, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
        const int error = errno;
        if (fd) {
            auto [id, accepted] = add(Kind::stream, std::move(fd));
            accepted->peer = Address::from_native(native, length);
            accepted->passes_descriptors = native->sa_family == AF_UNIX;
            slot->accept_sink->accepted(id, accepted->peer);
            Slot* after = find(id);
            if (after && !after->sink) erase(*after);
        } else if (is_scarcity(error)) {
            return accept_fails(*slot, Error::from_errno(error, "accept a connection"));
        } else if (error == EAGAIN) {
            break;
        }
    }
}

void EpollDriver::accept_fails(Slot& listener, const Error& error) {
    listener.paused = true;
    refresh_interest(listener);
    listener.accept_sink->accept_failed(error);
}

// A stream ends, a listener pauses; what else there is to tell comes again.
void EpollDriver::out_of_memory(SocketId id) {
    Slot* slot = find(id);
    if (slot && slot->kind == Kind::stream) end(*slot, Error::out_of_memory());
    if (slot && slot->kind == Kind::listener) accept_fails(*slot, Error::out_of_memory());
}

Result<SocketId> EpollDriver::open_datagram(const Address& local, const Address& remote, DatagramSink& sink) {
    auto made = socket::datagram(local, remote, system_);
    if (!made) return fail(made.error());
    auto [id, slot] = add(Kind::datagram, std::move(*made));
    slot->datagram_sink = &sink;
    slot->peer = remote;
    return id;
}

void EpollDriver::read_datagrams(Slot& first) {
    const SocketId id = first.id;
    for (int i = 0; i < kDatagramsPerTurn; ++i) {
        Slot* slot = find(id);
        if (!slot || slot->paused) return;
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        auto* native = reinterpret_cast<sockaddr*>(&storage);
        const std::span<char> buffer = shared_buffer();
        const auto count = system_.recvfrom(slot->input.get(), buffer.data(), buffer.size(), 0, native, &length);
        if (count >= 0) {
            const Address from = length > 0 ? Address::from_native(native, length) : slot->peer;
            slot->datagram_sink->datagram_received({buffer.data(), static_cast<std::size_t>(count)}, from);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            slot->datagram_sink->send_failed(Error::from_errno(errno, "send a datagram"));
        }
    }
}

Result<> EpollDriver::send_datagram(SocketId id, std::string_view bytes, const Address& to) {
    Slot* slot = find(id);
    if (!slot || slot->kind != Kind::datagram) return fail(Errc::closed, "send a datagram: the socket is closed");
    sockaddr_storage storage{};
    auto* native = reinterpret_cast<sockaddr*>(&storage);
    const auto length = to.to_native(native);
    const auto count =
        system_.sendto(slot->input.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL, length ? native : nullptr, length);
    if (count >= 0) return {};
    return fail(Error::from_errno(errno, "send a datagram to " + (length ? to : slot->peer).to_string()));
}

Result<SocketId> EpollDriver::watch(int fd, bool readable, bool writable, WatchSink& sink, Lane lane) {
    auto [id, slot] = add(Kind::watch, Descriptor(fd));
    slot->watch_sink = &sink;
    slot->lane = lane;
    const auto watched = rewatch(id, readable, writable);
    if (watched) return id;
    erase(*slot);
    return fail(watched.error());
}

Result<> EpollDriver::rewatch(SocketId id, bool readable, bool writable) {
    Slot* slot = find(id);
    if (!slot || slot->kind != Kind::watch) return fail(Errc::closed, "watch a descriptor: not watched");
    const uint32_t wanted = (readable ? uint32_t{EPOLLIN} : 0) | (writable ? uint32_t{EPOLLOUT} : 0);
    const int failed = apply(slot->input.get(), id.word(), slot->registered, wanted);
    if (failed == 0) return {};
    return fail(Error::from_errno(failed, "watch descriptor " + std::to_string(slot->input.get())));
}

void EpollDriver::unwatch(SocketId id) noexcept {
    Slot* slot = find(id);
    if (slot && slot->kind == Kind::watch) erase(*slot);
}

std::span<char> EpollDriver::shared_buffer() noexcept {
    Level& level = *levels_[depth_ - 1];
    return {level.buffer, kBuffer};
}

}  // namespace bine
