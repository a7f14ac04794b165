// Theory. A stream is two slots that name each other; all between them are messages in the world's queue of events: a
// connection asked for and answered, segments, ends, resets. `in_flight` counts the bytes that were sent and that the other
// side has not taken yet, and bounds them; bytes that find no room stay in the queue. A slot that something happened to is
// put on the ready list of its lane, and the next wait tells its sink; so nothing is ever told from inside a call.
#include "bine/sim/sim_driver.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bine/sim/sim_slot.h"

namespace bine::sim {

namespace {

constexpr Duration kLinger = std::chrono::seconds(5);

}  // namespace

SimDriver::SimDriver(World& world, Host& host, bool alone)
    : world_(world),
      host_(host),
      number_(world.drivers_.size()),
      alone_(alone),
      reason_("a world of seed " + std::to_string(world.seed())) {
    world.drivers_.push_back(this);
}

SimDriver::~SimDriver() {
    slots_.for_each([this](SocketId, Slot& slot) { erase(slot); });
    world_.drivers_[number_] = nullptr;
}

DriverInfo SimDriver::info() const { return {"simulated", reason_}; }
WallTime SimDriver::wall_now() noexcept { return world_.wall_now() + host_.clock_ahead(); }

void SimDriver::random(std::span<char> bytes) noexcept {
    for (char& byte : bytes) byte = static_cast<char>(world_.choose_quietly("random", 256));
}

// Slots.

SimDriver::Slot* SimDriver::find(SocketId id, Kind kind) const noexcept {
    Slot* slot = find(id);
    return slot && slot->kind == kind ? slot : nullptr;
}

SimDriver::Slot* SimDriver::find(World& world, const Place& place, SimDriver*& driver) noexcept {
    driver = world.drivers_[place.driver];
    return driver ? driver->find(place.id) : nullptr;
}

SimDriver::Place SimDriver::place(const Slot& slot) const noexcept { return {host_.number_, number_, slot.id}; }

SimDriver::Slot& SimDriver::add(Kind kind, const Address& local) {
    auto [id, slot] = slots_.emplace(kind, local);
    slot->id = id;
    return *slot;
}

// The other side of a stream that is gone learns it by a reset, unless both had ended.
void SimDriver::erase(Slot& slot) noexcept {
    if (slot.kind == Kind::stream && slot.other.id && !(slot.end_sent && slot.end_came) && !slot.reset) {
        send_reset(slot.other);
    }
    for (const SocketId waiting : std::exchange(slot.pending, {})) {
        if (Slot* connection = find(waiting)) erase(*connection);
    }
    slots_.erase(slot.id);
}

void SimDriver::mark_ready(Slot& slot) {
    if (slot.ready || !slot.has_news()) return;
    slot.ready = true;
    ready_[slot.lane == Lane::second ? 1 : 0].push_back(slot.id);
}

void SimDriver::queue_for_flush(Slot& slot) {
    if (slot.to_flush) return;
    slot.to_flush = true;
    to_flush_.push_back(slot.id);
}

std::size_t SimDriver::open_sockets() const noexcept {
    std::size_t count = 0;
    slots_.for_each([&](SocketId, Slot& slot) { count += slot.kind == Kind::stream; });
    return count;
}

// The network.

void SimDriver::send_reset(const Place& to) const {
    if (!silent_) send_reset(world_, host_.number_, to);
}

void SimDriver::answer_probes(World& world) {
    for (SimDriver* driver : world.drivers_) {
        if (!driver) continue;
        driver->slots_.for_each([&](SocketId, Slot& slot) {
            const bool asks = slot.kind == Kind::stream && slot.other.id && !slot.queue.empty() && !slot.reset;
            if (!asks || world.drivers_[slot.other.driver]) return;
            if (!world.is_blocked(driver->host_.number_, slot.other.host))
                send_reset(world, slot.other.host, driver->place(slot));
        });
    }
}

// One that cannot pass is lost; whoever then sends is told again.
void SimDriver::send_reset(World& world, std::size_t from_host, const Place& to) {
    world.plan(world.now() + world.latency(), [&world, from_host, to] {
        SimDriver* driver = nullptr;
        Slot* slot = find(world, to, driver);
        if (!slot || slot->phase == Phase::ended || world.is_blocked(from_host, to.host)) return;
        slot->reset = true;
        slot->output_lost = !slot->queue.empty();
        slot->queue.clear();
        if (slot->phase == Phase::lingering) {
            driver->erase(*slot);
            return;
        }
        if (world.choose("a reset drops what was not read", 2) != 0) slot->inbox.clear();
        driver->mark_ready(*slot);
    });
}

// What becomes of a socket whose bytes find no way for too long.
Function<void()> SimDriver::give_up(const Slot& slot) const {
    return [&world = world_, at = place(slot)] {
        SimDriver* driver = nullptr;
        Slot* there = find(world, at, driver);
        if (!there || there->phase == Phase::ended) return;
        if (there->phase == Phase::lingering) return driver->erase(*there);
        const std::string_view what = there->phase == Phase::connecting ? "connect to " : "send to ";
        const Error error = Error::from_errno(ETIMEDOUT, std::string(what) + there->peer.to_string());
        there->reset = true;
        driver->end(*there, &error);
    };
}

// Out of the blue: both sides are reset.
void SimDriver::break_connection(Slot& slot) {
    world_.note(host_.name() + " loses the connection from " + slot.local.to_string() + " to " + slot.peer.to_string());
    send_reset(slot.other);
    slot.output_lost = true;
    slot.queue.clear();
    slot.reset = true;
    mark_ready(slot);
}

void SimDriver::give_room(const Place& sender, std::size_t bytes) {
    SimDriver* driver = nullptr;
    Slot* slot = find(world_, sender, driver);
    if (!slot) return;
    slot->in_flight -= bytes;
    if (!slot->queue.empty()) driver->queue_for_flush(*slot);
}

void SimDriver::discard_inbox(Slot& slot) { give_room(slot.other, std::exchange(slot.inbox, {}).size()); }

void SimDriver::flush_all() {
    std::vector<SocketId> ids;
    ids.swap(to_flush_);
    for (const SocketId id : ids) {
        Slot* slot = find(id);
        if (!slot) continue;
        slot->to_flush = false;
        transmit(*slot);
    }
}

void SimDriver::transmit(Slot& slot) {
    if (slot.phase == Phase::connecting || slot.phase == Phase::ended || slot.reset) return;
    while (!slot.queue.empty() && slot.in_flight < world_.options_.buffer) {
        if (world_.one_in("a connection breaks", world_.options_.reset)) return break_connection(slot);
        std::string bytes = take_segment(slot, world_.options_.buffer - slot.in_flight);
        if (slot.phase == Phase::ended) return;
        slot.in_flight += bytes.size();
        const auto arrived = [bytes, from = place(slot)](SimDriver& driver, Slot& there) {
            driver.world_.record_.add(bytes.size());
            if (driver.world_.telling()) {
                driver.world_.note(std::to_string(bytes.size()) + " bytes from " + there.peer.to_string() + " reach " +
                                   driver.host_.name() + " at " + there.local.to_string());
            }
            if (there.discards() || there.reset) {  // reset, and perhaps not accepted yet
                there.finishing = false;
                driver.give_room(from, bytes.size());
            } else {
                there.inbox.append(bytes);
                driver.mark_ready(there);
            }
        };
        const std::size_t size = bytes.size();
        post(slot, slot.other, size, arrived,
             [&world = world_, from = place(slot), host = slot.other.host] { send_reset(world, host, from); });
    }
    if (slot.above_low && slot.queue.size() <= slot.low_mark) {
        slot.above_low = false;
        slot.drained_due = true;
        mark_ready(slot);
    }
    if (slot.queue.empty()) behind_queue(slot);
}

// At least a byte, at most `most`; a file is read, a descriptor dropped.
std::string SimDriver::take_segment(Slot& slot, std::size_t most) {
    if (world_.options_.fragment && world_.choose_quietly("a small segment", 4) == 3) {
        most = std::min<std::size_t>(most, 1 + world_.choose_quietly("its size", 100));
    }
    while (slot.queue.front_descriptor()) slot.queue.take_descriptor();
    if (const auto* file = slot.queue.front_file()) {
        std::string bytes(static_cast<std::size_t>(std::min<uint64_t>(most, file->length)), '\0');
        const auto count = ::pread(file->file->get(), bytes.data(), bytes.size(), static_cast<off_t>(file->offset));
        if (count <= 0) {
            const Error error(Errc::local_protocol, "send a file: it has become shorter");
            send_reset(slot.other);
            end(slot, &error);
            return {};
        }
        bytes.resize(static_cast<std::size_t>(count));
        slot.queue.consume(bytes.size());
        return bytes;
    }
    iovec part{};
    slot.queue.gather({&part, 1});
    std::string bytes(static_cast<const char*>(part.iov_base), std::min(part.iov_len, most));
    slot.queue.consume(bytes.size());
    return bytes;
}

// Does what was ordered behind the queue.
void SimDriver::behind_queue(Slot& slot) {
    if (!slot.shut || slot.end_sent) return;
    slot.end_sent = true;
    const auto arrived = [](SimDriver& driver, Slot& there) {
        there.end_came = true;
        if (there.phase == Phase::lingering) {
            driver.erase(there);
        } else {
            driver.mark_ready(there);
        }
    };
    post(slot, slot.other, 0, arrived, [] {});
    if (slot.phase == Phase::closing) {
        slot.closed_due = true;
        mark_ready(slot);
    } else if (slot.end_told) {
        end(slot, nullptr);
    }
}

// Waiting and telling.

bool SimDriver::must_not_sleep() const noexcept {
    return woken_ || !ready_[0].empty() || !ready_[1].empty() || !to_flush_.empty() || !done_.empty();
}

bool SimDriver::is_awake() const noexcept { return must_not_sleep() || sleeps_until_ <= world_.now(); }

// Of a host that its world turns, waits find what the world has done between turns; only a nested one that wants time to
// pass makes it pass.
void SimDriver::wait(TimePoint deadline) {
    flush_all();
    while (alone_ && world_.run_next(world_.now())) {
    }
    while (!must_not_sleep() && (alone_ || deadline > world_.now())) {
        if (world_.run_next(deadline)) continue;
        if (deadline == TimePoint::max()) throw Error(Errc::broken, "nothing will ever happen in this world");
        world_.now_ = std::max(world_.now_, deadline);
        break;
    }
    woken_ = false;
    sleeps_until_ = TimePoint::max();
    flush_all();
    serve_ready(Lane::native);
    finish_tasks();
}

void SimDriver::prepare_sleep(TimePoint deadline) {
    flush_all();
    sleeps_until_ = deadline;
}

void SimDriver::serve_ready(Lane lane) {
    std::vector<SocketId> ids;
    ids.swap(ready_[lane == Lane::second ? 1 : 0]);
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
        std::swap(ids[i], ids[i + world_.choose_quietly("who is served next", ids.size() - i)]);
    }
    for (const SocketId id : ids) {
        Slot* slot = find(id);
        if (!slot) continue;
        slot->ready = false;
        if (slot->lane != lane) {
            mark_ready(*slot);
        } else if (slot->kind == Kind::stream) {
            serve_stream(id);
        } else if (slot->kind == Kind::listener) {
            accept_pending(id);
        } else {
            deliver_datagrams(id);
        }
    }
}

// What a callback makes due is told by a later wait: closed() is looked at first.
void SimDriver::serve_stream(SocketId id) {
    Slot* slot = find(id);
    if (!slot->sink) return;
    if (slot->closed_due) {
        tell_closed(*slot);
        return;
    }
    if (std::exchange(slot->connected_due, false)) slot->sink->connected();
    slot = find(id);
    if (slot && std::exchange(slot->drained_due, false) && slot->phase == Phase::open) slot->sink->drained();
    slot = find(id);
    if (slot && slot->phase == Phase::open && !slot->paused && !slot->inbox.empty()) deliver(*slot);
    slot = find(id);
    if (!slot || slot->phase == Phase::ended) return;
    const auto told_while_paused = [&] {
        return slot->output_lost || world_.choose("a reset is told while paused", 2) != 0;
    };
    if (slot->reset && (slot->inbox.empty() || (slot->paused && told_while_paused()))) {
        const Error error = slot->phase == Phase::connecting
                                ? Error::from_errno(ECONNREFUSED, "connect to " + slot->peer.to_string())
                                : Error::from_errno(ECONNRESET, "receive from " + slot->peer.to_string());
        end(*slot, &error);
        return;
    }
    if (slot->phase != Phase::open || slot->paused || !slot->inbox.empty() || !slot->end_came || slot->end_told) return;
    slot->end_told = true;
    compare_end(*slot);
    slot->sink->end_received();
    slot = find(id);
    if (slot && slot->phase == Phase::open && slot->end_sent) end(*slot, nullptr);
}

// One piece a wait. It has memory of its own, so that a nested wait leaves it alone and a sanitizer sees who keeps it.
void SimDriver::deliver(Slot& slot) {
    const SocketId id = slot.id;
    std::size_t size = slot.inbox.size();
    if (world_.options_.fragment && world_.choose_quietly("a small piece", 4) == 3) {
        size = std::min<std::size_t>(size, 1 + world_.choose_quietly("its size", 100));
    }
    std::span<char> room;
    if (slot.asked_for) {
        room = slot.sink->get_buffer();
        Slot* after = find(id);
        if (!after || after != &slot || slot.phase != Phase::open || slot.paused) return;
        if (room.empty()) {
            slot.paused = true;
            return;
        }
        size = std::min(size, room.size());
    }
    const std::string piece = slot.inbox.substr(0, size);
    slot.inbox.erase(0, size);
    give_room(slot.other, size);
    compare(slot, piece);
    if (!slot.inbox.empty() || slot.end_came || slot.reset) mark_ready(slot);
    if (!room.empty()) std::copy(piece.begin(), piece.end(), room.begin());
    slot.sink->data_received(room.empty() ? std::string_view(piece) : std::string_view(room.data(), size));
}

void SimDriver::compare(const Slot& slot, std::string_view piece) {
    Ledger* ledger = slot.expected.get();
    if (!ledger || !ledger->known) return;
    if (std::string_view(ledger->bytes).substr(ledger->taken, piece.size()) != piece) {
        ledger->known = false;
        world_.break_promise("bytes from " + slot.peer.to_string() + " to " + slot.local.to_string() +
                             " are lost, new or out of order");
    }
    ledger->taken += piece.size();
    if (ledger->taken < ledger->bytes.size() / 2) return;
    ledger->bytes.erase(0, ledger->taken);
    ledger->taken = 0;
}

void SimDriver::compare_end(const Slot& slot) {
    const Ledger* ledger = slot.expected.get();
    if (!ledger || !ledger->known || ledger->taken == ledger->bytes.size()) return;
    world_.break_promise("the stream from " + slot.peer.to_string() + " to " + slot.local.to_string() + " ends " +
                         std::to_string(ledger->bytes.size() - ledger->taken) + " bytes early");
}

void SimDriver::end(Slot& slot, const Error* error) {
    if (slot.phase == Phase::ended) return;
    slot.phase = Phase::ended;
    if (error) slot.error = *error;
    slot.queue.clear();
    discard_inbox(slot);
    slot.closed_due = true;
    mark_ready(slot);
}

// The slot is there while closed() runs, so that it can be asked for its addresses.
void SimDriver::tell_closed(Slot& slot) {
    const SocketId id = slot.id;
    Sink* sink = std::exchange(slot.sink, nullptr);
    const std::optional<Error> error = std::move(slot.error);
    slot.closed_due = false;
    if (slot.finishing) slot.phase = Phase::ended;
    if (slot.phase == Phase::ended || slot.end_came || slot.reset) {
        slot.reset |= slot.phase == Phase::ended;  // a reset has been sent, or nothing is left to be told
        slot.phase = Phase::ended;
    } else {
        slot.phase = Phase::lingering;
        world_.plan(world_.now() + kLinger, [&world = world_, at = place(slot)] {
            SimDriver* driver = nullptr;
            if (Slot* still = find(world, at, driver)) driver->erase(*still);
        });
    }
    sink->closed(error ? &*error : nullptr);
    Slot* after = find(id);
    if (after && after->phase == Phase::ended) erase(*after);
}

}  // namespace bine::sim
