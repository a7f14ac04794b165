// The simulated driver: what a reactor asks for - making sockets, queueing, ending, tasks.
#include <cerrno>

#include "bine/sim/sim_slot.h"

namespace bine::sim {

namespace {

constexpr std::size_t kLargestDatagram = 65507;
constexpr std::size_t kDatagramsHeld = 256;

std::unexpected<Error> no_descriptors() { return fail(Errc::unsupported, "a simulated world has no real descriptors"); }

bool is_any(const Address& address) {
    return address == Address::any_ipv4(address.port()) || address == Address::any_ipv6(address.port());
}

// Whether who is bound to `local` is reached at `remote`.
bool answers_at(const Address& local, const Address& remote) {
    return local == remote || (is_any(local) && local.family() == remote.family() && local.port() == remote.port());
}

}  // namespace

// Making sockets.

SimDriver::Slot* SimDriver::bound_to(World& world, std::size_t host, const Address& address, Kind kind,
                                     SimDriver*& driver) {
    for (SimDriver* candidate : world.drivers_) {
        if (!candidate || candidate->host_.number_ != host) continue;
        Slot* found = nullptr;
        candidate->slots_.for_each([&](SocketId, Slot& slot) {
            if (slot.kind == kind && answers_at(slot.local, address)) found = &slot;
        });
        driver = candidate;
        if (found) return found;
    }
    return nullptr;
}

std::size_t SimDriver::host_of(const Address& address) const noexcept {
    const Host* host = world_.host_at(host_.number_, address);
    return host ? host->number_ : World::kNowhere;
}

Result<Address> SimDriver::bind(const Address& wanted, Kind kind) {
    Address address = wanted.is_ip() && wanted.port() == 0 ? wanted.with_port(world_.free_port()) : wanted;
    if (host_of(address) != host_.number_) {
        return fail(Error::from_errno(EADDRNOTAVAIL, "bind to " + address.to_string()));
    }
    SimDriver* driver = nullptr;
    if (bound_to(world_, host_.number_, address, kind, driver)) {
        return fail(Error::from_errno(EADDRINUSE, "bind to " + address.to_string()));
    }
    return address;
}

Result<SocketId> SimDriver::listen(const Address& address, const ListenOptions& options, AcceptSink& sink) {
    const auto bound = bind(address, Kind::listener);
    if (!bound) return fail(bound.error());
    Slot& slot = add(Kind::listener, *bound);
    slot.accept_sink = &sink;
    slot.backlog = options.backlog;
    return slot.id;
}

Result<SocketId> SimDriver::connect(const Address& remote, const Address& local, Sink& sink, Lane lane) {
    Address from = local;
    if (remote.is_ip() && !local.is_ip()) from = own_address_towards(remote);
    if (from.is_ip() && from.port() == 0) from = from.with_port(world_.free_port());
    Slot& slot = add(Kind::stream, from);
    slot.phase = Phase::connecting;
    slot.peer = remote;
    slot.sink = &sink;
    slot.lane = lane;
    slot.sent = std::make_shared<Ledger>();
    if (silent_) return slot.id;
    const std::size_t host = host_of(remote);
    auto begin = [&world = world_, client = place(slot), from, remote, host] {
        begin_connection(world, client, from, remote, host);
    };
    auto arrive = [&world = world_, number = host_.number_, host, begin, given_up = give_up(slot)]() mutable {
        world.pass(number, host, std::move(begin), std::move(given_up));
    };
    world_.plan(world_.now() + world_.latency(), std::move(arrive));
    return slot.id;
}

Address SimDriver::own_address_towards(const Address& remote) const {
    if (remote.is_loopback()) return remote.with_port(0);
    if (is_any(remote)) return Address::loopback(0);
    return remote.family() == Address::Family::ipv6 ? host_.address_v6(0) : host_.address(0);
}

// At the other side: a socket that waits to be accepted and an answer, or a refusal.
void SimDriver::begin_connection(World& world, const Place& client, const Address& from, const Address& remote,
                                 std::size_t host) {
    SimDriver* driver = nullptr;
    Slot* listener = bound_to(world, host, remote, Kind::listener, driver);
    if (!listener || listener->pending.size() >= static_cast<std::size_t>(listener->backlog) ||
        world.one_in("a connection is refused", world.options_.refusal)) {
        send_reset(world, host, client);
        return;
    }
    SimDriver* asking = nullptr;
    Slot* asked = find(world, client, asking);
    if (!asked || asked->phase != Phase::connecting) return;
    Slot& server = driver->add(Kind::stream, remote);
    server.peer = from;
    server.other = client;
    server.sent = std::make_shared<Ledger>();
    server.expected = asked->sent;
    asked->expected = server.sent;
    listener->pending.push_back(server.id);
    driver->mark_ready(*listener);
    const auto answered = [there = driver->place(server)](SimDriver& at, Slot& slot) {
        slot.phase = Phase::open;
        slot.other = there;
        slot.connected_due = true;
        at.mark_ready(slot);
        at.queue_for_flush(slot);
    };
    driver->post(server, client, 0, answered,
                 [&world, there = driver->place(server), at = client.host] { send_reset(world, at, there); });
}

void SimDriver::accept_pending(SocketId id) {
    for (Slot* slot = find(id); slot && !slot->paused && !slot->pending.empty(); slot = find(id)) {
        if (world_.one_in("accept fails", world_.options_.accept_failure)) {
            slot->paused = true;
            slot->accept_sink->accept_failed(Error::from_errno(EMFILE, "accept a connection"));
            return;
        }
        const SocketId made = slot->pending.front();
        slot->pending.pop_front();
        const Slot* connection = find(made);
        if (!connection) continue;
        slot->accept_sink->accepted(made, Address(connection->peer));
        Slot* after = find(made);
        if (after && !after->sink) erase(*after);
    }
}

Result<SocketId> SimDriver::adopt(Descriptor, Descriptor) { return no_descriptors(); }
Result<SocketId> SimDriver::adopt_listener(Descriptor, AcceptSink&) { return no_descriptors(); }
Result<SocketId> SimDriver::watch(int, bool, bool, WatchSink&, Lane) { return no_descriptors(); }
Result<> SimDriver::rewatch(SocketId, bool, bool) { return no_descriptors(); }

Address SimDriver::local_address(SocketId id) const {
    const Slot* slot = find(id);
    return slot ? slot->local : Address();
}

Address SimDriver::peer_address(SocketId id) const {
    const Slot* slot = find(id);
    return slot ? slot->peer : Address();
}

// Streams.

void SimDriver::set_sink(SocketId id, Sink& sink, Lane lane, bool asked_for) noexcept {
    Slot* slot = find(id, Kind::stream);
    if (!slot || (!slot->sink && slot->phase >= Phase::lingering)) return;
    slot->sink = &sink;
    slot->lane = lane;
    slot->asked_for = asked_for;
    mark_ready(*slot);
}

void SimDriver::pause(SocketId id) noexcept {
    if (Slot* slot = find(id)) slot->paused = true;
}

void SimDriver::resume(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot || !slot->paused) return;
    slot->paused = false;
    mark_ready(*slot);
}

void SimDriver::send(SocketId id, std::string_view bytes, Lifetime lifetime) {
    Output output;
    if (lifetime == Lifetime::fixed) {
        output.append_fixed(bytes);
    } else {
        output.append(bytes);
    }
    send(id, std::move(output));
}

void SimDriver::send(SocketId id, Output&& output) {
    Output taken = std::move(output);
    Slot* slot = find(id, Kind::stream);
    if (!slot || !slot->takes_bytes()) return;
    if (slot->reset) {
        slot->output_lost = true;
        mark_ready(*slot);
        return;
    }
    if (slot->sent) slot->sent->add(taken);
    slot->queue.append(std::move(taken));
    if (slot->queue.size() > slot->low_mark) slot->above_low = true;
    queue_for_flush(*slot);
}

uint64_t SimDriver::queued(SocketId id) const noexcept {
    const Slot* slot = find(id, Kind::stream);
    return slot ? slot->queue.size() : 0;
}

void SimDriver::set_low_mark(SocketId id, uint32_t bytes) noexcept {
    Slot* slot = find(id, Kind::stream);
    if (!slot) return;
    slot->low_mark = bytes;
    if (slot->queue.size() > bytes) slot->above_low = true;
}

void SimDriver::shutdown(SocketId id) noexcept {
    Slot* slot = find(id, Kind::stream);
    if (!slot || !slot->takes_bytes()) return;
    slot->shut = true;
    queue_for_flush(*slot);
}

void SimDriver::close(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot) return;
    if (slot->kind != Kind::stream || (!slot->sink && slot->phase == Phase::open)) {
        erase(*slot);
    } else if (slot->phase == Phase::connecting) {
        end(*slot, nullptr);
    } else if (slot->phase == Phase::open) {
        slot->phase = Phase::closing;
        slot->shut = true;
        discard_inbox(*slot);
        queue_for_flush(*slot);
        if (slot->end_sent) slot->closed_due = true;
        mark_ready(*slot);
    }
}

void SimDriver::finish(SocketId id) noexcept {
    const Slot* before = find(id, Kind::stream);
    const bool unread = before && !before->inbox.empty();
    close(id);
    Slot* slot = find(id, Kind::stream);
    if (slot && slot->phase == Phase::closing) slot->finishing = !unread;
}

void SimDriver::abort(SocketId id) noexcept {
    Slot* slot = find(id);
    if (!slot || slot->phase >= Phase::lingering) return;
    if (!slot->sink) {
        erase(*slot);
        return;
    }
    if (slot->other.id && !slot->reset) send_reset(slot->other);
    end(*slot, nullptr);
}

void SimDriver::abort_all() noexcept {
    slots_.for_each([this](SocketId id, Slot& slot) {
        if (slot.kind != Kind::stream || slot.phase == Phase::lingering) {
            erase(slot);
        } else {
            abort(id);
        }
    });
    ending_ = true;
    for (const auto& [number, task] : std::exchange(working_, {})) task->abandoned();
    for (ThreadTask* task : std::exchange(done_, {})) task->abandoned();
}

// Datagrams.

Result<SocketId> SimDriver::open_datagram(const Address& local, const Address& remote, DatagramSink& sink) {
    Address wanted = local;
    if (!wanted.is_ip()) wanted = remote.is_ip() ? own_address_towards(remote) : Address::loopback(0);
    const auto bound = bind(wanted, Kind::datagram);
    if (!bound) return fail(bound.error());
    Slot& slot = add(Kind::datagram, *bound);
    slot.peer = remote;
    slot.datagram_sink = &sink;
    return slot.id;
}

// Each takes a time of its own, so a later one may overtake.
Result<> SimDriver::send_datagram(SocketId id, std::string_view bytes, const Address& to) {
    Slot* slot = find(id, Kind::datagram);
    if (!slot) return fail(Errc::closed, "send a datagram: the socket is closed");
    const Address target = to.is_ip() ? to : slot->peer;
    if (!target.is_ip()) return fail(Error::from_errno(EDESTADDRREQ, "send a datagram"));
    if (bytes.size() > kLargestDatagram) return fail(Error::from_errno(EMSGSIZE, "send a datagram"));
    if (silent_ || world_.one_in("a datagram is lost", world_.options_.datagram_loss)) return {};
    const std::size_t host = host_of(target);
    const Address source =
        is_any(slot->local) ? own_address_towards(target).with_port(slot->local.port()) : slot->local;
    auto arrive = [&world = world_, from = place(*slot), host, source, target, text = std::string(bytes)] {
        if (world.is_blocked(from.host, host)) return;
        SimDriver* driver = nullptr;
        Slot* there = bound_to(world, host, target, Kind::datagram, driver);
        const bool heard = there && (!there->peer.is_ip() || there->peer == source);
        if (heard && world.telling()) {
            world.note("a datagram from " + source.to_string() + " reaches " + target.to_string());
        }
        if (heard && there->datagrams.size() < kDatagramsHeld) {
            there->datagrams.emplace_back(source, text);
            driver->mark_ready(*there);
        } else if (Slot* sender = there ? nullptr : find(world, from, driver)) {
            if (!sender->peer.is_ip()) return;
            sender->error = Error::from_errno(ECONNREFUSED, "send a datagram to " + target.to_string());
            driver->mark_ready(*sender);
        }
    };
    if (world_.one_in("a datagram comes twice", world_.options_.datagram_copy)) {
        world_.plan(world_.now() + world_.latency(), arrive);
    }
    world_.plan(world_.now() + world_.latency(), std::move(arrive));
    return {};
}

void SimDriver::deliver_datagrams(SocketId id) {
    Slot* slot = find(id);
    if (slot->error) {
        const Error error = *std::exchange(slot->error, std::nullopt);
        slot->datagram_sink->send_failed(error);
    }
    for (slot = find(id); slot && !slot->paused && !slot->datagrams.empty(); slot = find(id)) {
        const auto [from, bytes] = std::move(slot->datagrams.front());
        slot->datagrams.pop_front();
        slot->datagram_sink->datagram_received(bytes, from);
    }
}

// Threads.

// Who is told that its task is abandoned may let somebody in who has another one.
void SimDriver::run_in_thread(ThreadTask& task) {
    if (ending_) return task.abandoned();
    working_.emplace_back(++tasks_begun_, &task);
    world_.plan(world_.now() + world_.latency(), [&world = world_, number = number_, begun = tasks_begun_] {
        SimDriver* driver = world.drivers_[number];
        if (!driver) return;
        auto& working = driver->working_;
        const auto found = std::find_if(working.begin(), working.end(), [&](auto& w) { return w.first == begun; });
        if (found == working.end()) return;
        ThreadTask* task_done = found->second;
        working.erase(found);
        task_done->work();
        driver->done_.push_back(task_done);
    });
}

// In a "thread": when a task of the resolver's is done.
Result<> SimDriver::look_up(const std::string& name, Address::Family family, Function<void(const Address&)> found) {
    std::vector<Address> addresses = world_.look_up(name);
    std::erase_if(addresses,
                  [family](const Address& one) { return family != Address::Family::none && one.family() != family; });
    if (addresses.empty() || world_.one_in("a name is not found", world_.options_.lookup_failure)) {
        return fail(Errc::not_found,
                    "look up \"" + name + "\": no host of this world is called so, as far as is known now");
    }
    for (const Address& address : addresses) found(address);
    return {};
}

void SimDriver::finish_tasks() {
    for (std::size_t count = done_.size(); count > 0 && !done_.empty(); --count) {
        ThreadTask* task = done_.front();
        done_.pop_front();
        task->done();
    }
}

}  // namespace bine::sim
