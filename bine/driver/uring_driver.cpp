// The io_uring driver's turn: what is asked of the ring, and what completes.
#include "bine/driver/uring_driver.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "bine/driver/socket.h"
#include "bine/driver/uring_slot.h"

namespace bine {

namespace {

constexpr uint8_t kPiecesInOneGo = 32;  // MULTISHOT_MAX_RETRY of the kernel

// A number of no other thread, earlier ones included: the system gives its names again.
uint64_t this_thread() noexcept {
    static std::atomic<uint64_t> threads = 0;
    static thread_local const uint64_t number = ++threads;
    return number;
}

// Whether a ring does what it is asked to. A sandbox may allow to make one, and forbid to use it.
Result<> try_ring(SystemCalls& system) {
    auto ring = UringRing::make(1, 2, system);
    if (!ring) return fail(ring.error());
    (*ring)->take_over();
    (*ring)->entry(IORING_OP_NOP, -1, 1);
    (*ring)->enter(TimePoint(), TimePoint::min());
    io_uring_cqe completion;
    if (!(*ring)->next(completion)) return fail(Error::from_errno(EPERM, "use a ring, which a sandbox forbids"));
    return {};
}

}  // namespace

Result<std::unique_ptr<Driver>> make_uring_driver(std::string reason, SystemCalls& system,
                                                  const UringOptions& options) {
    static const Result<> works = try_ring(system);
    if (!works) return fail(works.error());
    auto driver = std::make_unique<UringDriver>(std::move(reason), system, options);
    const auto opened = driver->open();
    if (!opened) return fail(opened.error());
    return driver;
}

UringDriver::UringDriver(std::string reason, SystemCalls& system, const UringOptions& options)
    : system_(system), options_(options), others_(std::move(reason), system, kOthers) {}

Result<> UringDriver::open() {
    auto ring = UringRing::make(options_.entries, options_.completions, system_);
    if (!ring) return fail(ring.error());
    auto buffers = UringBuffers::make(options_.buffers, options_.buffer_size);
    if (!buffers) return fail(buffers.error());
    ring_ = std::move(*ring);
    buffers_ = std::move(*buffers);
    return buffers_->attach(*ring_);
}

UringDriver::~UringDriver() {
    if (!ring_) return;
    if (is_own_thread()) ring_->cancel_now();
    io_uring_cqe completion;
    while (ring_->next(completion)) {
        if (operation_of(completion) == Operation::accept && completion.res >= 0) ::close(completion.res);
    }
    slots_.for_each([](SocketId, const Slot& slot) {
        for (const int fd : slot.rare ? slot.rare->accepted : std::vector<int>()) ::close(fd);
    });
}

void UringDriver::wait(TimePoint deadline) {
    own_ring();
    if (++depth_ == 1) ++turn_;
    flush_all();
    arm_all();
    deadline = others_.before_wait(deadline);
    const bool others_busy = deadline == TimePoint::min();
    if (!lingering_.empty()) deadline = std::min(deadline, lingering_.front()->lingers_until);
    if (must_not_sleep()) deadline = TimePoint::min();
    if (news_) {
        wait_as_guest(deadline);
    } else {
        wait_in_ring(deadline);
    }
    settle_sends();
    if (!lingering_.empty()) end_lingering();
    deliver_notices(Lane::native);
    reap();
    if (std::exchange(others_ready_, false) || others_busy) others_.wait(TimePoint::min());
    --depth_;
}

void UringDriver::wait_in_ring(TimePoint deadline) {
    if (!std::exchange(others_armed_, true)) {
        ring_->entry(IORING_OP_POLL_ADD, others_.host_fd(), tag_of({}, Operation::others)).poll32_events = POLLIN;
    }
    if (deadline == TimePoint::min()) return ring_->enter(TimePoint(), deadline);
    // A signal does not end the wait: whoever handles it writes to a descriptor that does.
    do {
        ring_->enter(deadline == TimePoint::max() ? TimePoint() : now(), deadline);
    } while (!ring_->has_completions() && now() < deadline);
}

bool UringDriver::must_not_sleep() const noexcept {
    if (!to_flush_.empty() || !notices_[0].empty() || second_lane_has_work()) return true;
    // Buffers come back when what was borrowed from them has left.
    return (!starved_.empty() || !to_arm_.empty()) && !loans_leaving_.empty();
}

bool UringDriver::second_lane_has_work() const noexcept {
    return !second_.empty() || !notices_[1].empty() || others_.second_lane_has_work();
}

void UringDriver::serve_second_lane() {
    deliver_notices(Lane::second);
    std::vector<SecondPiece> pieces;
    pieces.swap(second_);
    for (const SecondPiece& next : pieces) {
        serve_second(next);
        if (next.pinned) buffers_->unpin(next.piece);
    }
    pieces.clear();
    if (second_.empty()) second_.swap(pieces);
    if (others_.second_lane_has_work()) others_.serve_second_lane();
}

void UringDriver::serve_second(const SecondPiece& next) {
    try {
        Slot* slot = find(next.id);
        if (slot && slot->lane == Lane::second) {
            serve_piece(*slot, next.piece, next.result);
        } else if (slot) {
            hold_piece(*slot, next.piece, next.result);
        }
    } catch (const std::bad_alloc&) {
        if (Slot* left = find(next.id)) end(*left, ENOMEM, Deed::receive);
    }
}

// Guests.

void UringDriver::prepare_sleep(TimePoint deadline) {
    own_ring();
    if (!news_) {
        news_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        const auto watched = others_.watch(news_.get(), true, false, *this, Lane::native);
        if (!news_ || !watched || !ring_->signal_to(news_.get())) throw Error::from_errno(errno, "watch io_uring");
    }
    flush_all();
    arm_all();
    ring_->enter(TimePoint(), TimePoint::min());
    settle_sends();
    ring_->silence(false);
    if (!lingering_.empty()) deadline = std::min(deadline, lingering_.front()->lingers_until);
    others_.prepare_sleep(must_not_sleep() || ring_->has_news() ? TimePoint::min() : deadline);
}

// The inner driver sleeps; the eventfd in it tells that the ring has work, which a call into the ring then does.
void UringDriver::wait_as_guest(TimePoint deadline) {
    ring_->enter(TimePoint(), TimePoint::min());
    settle_sends();
    if (deadline > TimePoint::min()) {
        ring_->silence(false);
        others_.wait(ring_->has_news() ? TimePoint::min() : deadline);
    }
    ring_->silence(true);
    others_ready_ = true;
    ring_->enter(TimePoint(), TimePoint::min());
}

void UringDriver::ready(bool, bool) {
    uint64_t ignored = 0;
    system_.read(news_.get(), &ignored, sizeof ignored);
}

// The ring and its thread.

bool UringDriver::is_own_thread() const noexcept { return thread_ == this_thread(); }

void UringDriver::own_ring() {
    if (is_own_thread()) return;
    if (thread_ != 0) renew_ring();
    thread_ = this_thread();
    ring_->take_over();
    if (news_) ring_->signal_to(news_.get());
}

// Another thread has left its ring behind. What has completed there is kept, and no sink is called for it now.
void UringDriver::renew_ring() {
    auto ring = UringRing::make(options_.entries, options_.completions, system_);
    if (!ring) throw Error(ring.error());
    renewing_ = true;
    reap();
    renewing_ = false;
    ring_ = std::move(*ring);
    const auto attached = buffers_->attach(*ring_);
    if (!attached) throw Error(attached.error());
    rearm_all();
}

void UringDriver::rearm_all() noexcept {
    others_armed_ = false;
    slots_.for_each([this](SocketId, Slot& slot) {
        slot.operations = 0;
        slot.armed = slot.cancelling = slot.awaits_room = false;
        if (slot.phase != Phase::ended) {
            want_armed(slot);
            if (slot.finishing) queue_for_flush(slot);
        } else if (slot.listener) {
            erase(slot);
        } else if (slot.fd) {
            released(slot);
        }
    });
}

io_uring_sqe& UringDriver::begin(Slot& slot, Operation operation, uint8_t code) {
    ++slot.operations;
    return ring_->entry(code, slot.fd.get(), tag_of(slot.id, operation));
}

void UringDriver::cancel(const Slot& slot, Operation operation) {
    io_uring_sqe& entry = ring_->entry(IORING_OP_ASYNC_CANCEL, -1, 0);
    entry.flags = IOSQE_CQE_SKIP_SUCCESS;
    entry.addr = tag_of(slot.id, operation);
}

void UringDriver::want_armed(Slot& slot) noexcept {
    ListHook<ArmTag>& hook = slot;
    if (!hook.linked()) to_arm_.push_back(slot);
}

// A receive that finds bytes takes buffers as soon as it is submitted, all there are if need be: who went without goes
// first, or a flood on one connection would starve the others.
void UringDriver::arm_all() {
    if (to_arm_.empty() && starved_.empty()) return;
    const bool room = buffers_->offer();
    for (auto* list : {&starved_, &to_arm_}) {
        IntrusiveList<Slot, ArmTag> now;
        now.splice_back(*list);
        while (Slot* slot = now.pop_front()) {
            arm(*slot, room);
            if (!room && !slot->armed && slot->wants_input()) list->push_back(*slot);
        }
    }
}

void UringDriver::arm(Slot& slot, bool room) {
    if (slot.wants_room() && !slot.awaits_room) {
        slot.awaits_room = true;
        begin(slot, Operation::room, IORING_OP_POLL_ADD).poll32_events = POLLOUT;
    }
    if (slot.armed || !slot.wants_input() || (!room && !slot.listener)) return;
    slot.armed = true;
    slot.fed = false;
    if (slot.listener) {
        io_uring_sqe& entry = begin(slot, Operation::accept, IORING_OP_ACCEPT);
        entry.ioprio = IORING_ACCEPT_MULTISHOT;
        entry.accept_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
    } else {
        io_uring_sqe& entry = begin(slot, Operation::receive, IORING_OP_RECV);
        entry.ioprio = IORING_RECV_MULTISHOT;
        entry.flags = IOSQE_BUFFER_SELECT;
    }
}

// Completions.

// No completion waits in the kernel when it returns: whoever reads this ring next might be another thread.
void UringDriver::reap() {
    io_uring_cqe completion;
    do {
        while (ring_->next(completion)) {
            const Operation operation = operation_of(completion);
            if (operation == Operation::others) {
                others_armed_ = false;
                others_ready_ = true;
            } else if (Slot* slot = find(id_of(completion))) {
                completed(*slot, operation, completion);
            }
        }
    } while (!renewing_ && ring_->fetch_overflow());
}

void UringDriver::completed(Slot& slot, Operation operation, const io_uring_cqe& completion) {
    const SocketId id = slot.id;
    if (!(completion.flags & IORING_CQE_F_MORE)) --slot.operations;
    try {
        switch (operation) {
            case Operation::accept: accepted(slot, completion); break;
            case Operation::receive: received(slot, completion); break;
            case Operation::room: got_room(slot); break;
            default: break;
        }
    } catch (const std::bad_alloc&) {
        Slot* left = find(id);
        if (left && left->listener) accept_fails(*left, Error::out_of_memory());
        if (left && !left->listener) end(*left, ENOMEM, Deed::serve);
    }
    Slot* left = find(id);
    if (left && left->waits_to_finish()) queue_emptied(*left);
    if (!left || left->phase != Phase::ended || left->operations > 0) return;
    if (left->listener) {
        erase(*left);
    } else if (left->fd) {
        released(*left);
    }
}

void UringDriver::received(Slot& slot, const io_uring_cqe& completion) {
    if (!(completion.flags & IORING_CQE_F_MORE)) {
        slot.armed = slot.cancelling = false;
        ListHook<ArmTag>& hook = slot;
        hook.unlink();
        (completion.res == -ENOBUFS && !slot.fed ? starved_ : to_arm_).push_back(slot);
    }
    Piece piece;
    const bool pinned = completion.flags & IORING_CQE_F_BUFFER;
    if (pinned) piece = buffers_->take(completion);
    slot.fed |= pinned;
    const int result = completion.res;
    const bool over = result == 0 || (result < 0 && result != -ENOBUFS && result != -ECANCELED && result != -EINTR);
    const bool second = slot.lane == Lane::second && slot.phase <= Phase::open;
    try {
        if (!over && piece.bytes.empty()) {
        } else if (renewing_) {
            hold_piece(slot, piece, result);
        } else if (second) {
            second_.push_back({slot.id, piece, result, pinned});
            if (pinned) buffers_->pin(piece.buffer);
        } else {
            count_piece(slot);
            serve_piece(slot, piece, result);
        }
    } catch (const std::bad_alloc&) {
        if (pinned) buffers_->unpin(piece);
        throw;
    }
    if (pinned) buffers_->unpin(piece);
}

void UringDriver::count_piece(Slot& slot) {
    if (std::exchange(slot.turn, turn_) != turn_) slot.pieces = 0;
    if (++slot.pieces < kPiecesInOneGo) return;
    slot.pieces = 0;
    stop_receiving(slot);
}

void UringDriver::stop_receiving(Slot& slot) {
    if (!slot.armed || slot.cancelling) return;
    slot.cancelling = true;
    cancel(slot, Operation::receive);
}

// Telling.

void UringDriver::notify(Slot& slot) noexcept {
    ListHook<NoticeTag>& hook = slot;
    if (!hook.linked()) notices_[slot.lane == Lane::second ? 1 : 0].pending.push_back(slot);
}

void UringDriver::deliver_notices(Lane lane) {
    Notices& notices = notices_[lane == Lane::second ? 1 : 0];
    notices.running.splice_back(notices.pending);
    while (Slot* slot = notices.running.pop_front()) {
        const SocketId id = slot->id;
        try {
            slot->listener ? serve_accepted(id) : deliver(id);
        } catch (const std::bad_alloc&) {
            Slot* left = find(id);
            if (left && !left->listener) end(*left, ENOMEM, Deed::serve);
        }
    }
}

// What a callback makes due is told by a later wait, so what is due is looked at first.
void UringDriver::deliver(SocketId id) {
    Slot* slot = find(id);
    const auto is_open = [&] { return find(id) == slot && slot->phase == Phase::open && slot->sink; };
    if (slot->closed_due) return tell_closed(*slot);
    const bool connected = slot->connected_due;
    const bool drained = slot->drained_due;
    slot->connected_due = slot->drained_due = false;
    if (connected && is_open()) slot->sink->connected();
    if (drained && is_open()) slot->sink->drained();
    if (is_open() && slot->reads() && slot->rare) deliver_held(*slot);
    if (!is_open() || slot->rare) return;
    if (slot->reads() && slot->end_due) {
        slot->end_due = false;
        input_ended(*slot, slot->error);
    } else if (slot->write_error != 0 && !slot->reads()) {
        end(*slot, slot->write_error, Deed::send);
    }
}

// The slot is there while closed() runs, so that it can be asked for its addresses.
void UringDriver::tell_closed(Slot& slot) {
    const SocketId id = slot.id;
    slot.closed_due = false;
    Sink* sink = std::exchange(slot.sink, nullptr);
    std::optional<Error> error;
    static constexpr const char* kDeeds[] = {"", "connect to ", "receive from ", "send to ", "serve "};
    if (slot.error != 0) error = socket::error_of(slot.error, kDeeds[static_cast<int>(slot.deed)], slot.peer);
    slot.lane = Lane::native;  // what is left to do calls nobody
    if (sink) sink->closed(error ? &*error : nullptr);
    Slot* left = find(id);
    if (left && left->phase == Phase::ended && left->operations == 0) erase(*left);
}

void UringDriver::end_lingering() {
    const TimePoint time = now();
    while (!lingering_.empty() && lingering_.front()->lingers_until <= time) {
        Slot* slot = lingering_.pop_front();
        if (slot->phase == Phase::lingering) end(*slot, 0, Deed::none);
    }
}

}  // namespace bine
