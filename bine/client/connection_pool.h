// The connections of a client: all are counted, those that nobody uses are kept for a while, and whoever finds no room
// waits. Inner part of the client.
//
// Theory. A place is the right to have one connection to a host; the pool hands out at most so many in all, and so many to a
// host. A connection holds its place as long as it lives. Who asks gets a Lease: a connection that was kept, or a place to
// make one. Hosts for which somebody waits stand in a ring and are served in turn, the requests to one host in their order.
// A connection that nobody uses is closed when its place is wanted for another host; one whose own host waits, only for a
// host that has none at all: so nobody starves, and connections are not made and closed in turn. A Lease that is not used gives back
// what it holds, so a waiter that is cancelled on the way loses nothing.
//
// Shared by the client, its connections and what waits, whichever ends last. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "bine/async/deferred.h"
#include "bine/async/waiter.h"
#include "bine/base/intrusive_list.h"
#include "bine/base/ref.h"

namespace bine::http {

class ConnectionPool;
class PooledConnection;

// A name for a connection that outlives it.
struct ConnectionHandle final : Counted {
    PooledConnection* connection = nullptr;  // null once it is lost, or of no use
};

// What the pool knows of a connection. In its two lists, of its host and of all, while nobody uses it.
class PooledConnection : public ListHook<PooledConnection>, public ListHook<ConnectionPool> {
public:
    // Nobody uses it from now on; somebody does; nobody will any more.
    virtual void begin_idle() noexcept = 0;
    virtual void end_idle() noexcept = 0;
    virtual void close_idle() noexcept = 0;

    const Ref<ConnectionHandle>& handle() const noexcept { return handle_; }
    bool is_idle() const noexcept { return ListHook<ConnectionPool>::linked(); }

protected:
    PooledConnection() { handle_->connection = this; }
    ~PooledConnection() { handle_->connection = nullptr; }

private:
    friend class PoolPlace;
    Ref<ConnectionHandle> handle_{new ConnectionHandle};
};

struct PoolHost;

// The right to one connection, until it is destroyed.
class [[nodiscard]] PoolPlace {
public:
    PoolPlace() = default;
    PoolPlace(PoolPlace&& other) noexcept;
    PoolPlace& operator=(PoolPlace&& other) noexcept;
    ~PoolPlace() { release(); }

    explicit operator bool() const noexcept { return host_ != nullptr; }
    void release() noexcept;
    // The connection that holds this place has nothing to do: it is kept, or given to who waits.
    void keep(PooledConnection& connection) noexcept;
    // It is not to be used any more.
    void withdraw(PooledConnection& connection) noexcept;

private:
    friend class ConnectionPool;
    PoolPlace(ConnectionPool& pool, PoolHost& host) noexcept;

    Ref<ConnectionPool> pool_;
    PoolHost* host_ = nullptr;
};

// A connection that was kept, or else a place for a new one.
class [[nodiscard]] Lease {
public:
    explicit Lease(PoolPlace place) noexcept : place_(std::move(place)) {}
    Lease(Ref<ConnectionPool> pool, PoolHost& host, PooledConnection& kept) noexcept;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    ~Lease();

    // Null handle: there is none. A handle may name nothing, when the connection was lost meanwhile.
    Ref<ConnectionHandle> take_connection() noexcept;
    PoolPlace take_place() noexcept { return std::move(place_); }

private:
    void give_back() noexcept;

    PoolPlace place_;
    Ref<ConnectionPool> pool_;
    PoolHost* host_ = nullptr;
    Ref<ConnectionHandle> kept_;
};

struct PoolHost {
    std::string name;
    uint32_t places = 0;  // handed out
    uint32_t leases = 0;  // of connections that were kept, on their way
    bool in_ring = false;
    IntrusiveList<PooledConnection, PooledConnection> idle{};  // the one used last in front
    WaiterList<Lease> waiters{};
};

class ConnectionPool final : public Counted {
public:
    ConnectionPool(uint32_t most, uint32_t most_per_host) noexcept : most_(most), most_per_host_(most_per_host) {}
    ~ConnectionPool() = default;

    // `host` says whom and by which way. Errors: closed.
    Deferred<Lease> acquire(const std::string& host);
    // Closes what is kept of that host, as it has turned out to be dead.
    void forget_idle(const std::string& host) noexcept;
    // Closes all that is kept.
    void close_idle() noexcept;
    // No new leases, what is kept is closed, who waits ends with closed.
    void close() noexcept;
    bool closed() const noexcept { return closed_; }

    std::size_t places() const noexcept { return places_; }
    std::size_t idle() const noexcept { return idle_count_; }

private:
    friend class PoolPlace;
    friend class Lease;

    void keep(PoolHost& host, PooledConnection& connection) noexcept;
    // By what somebody is served: by a connection that is there, unless there is none to that host; or by a new one, too.
    enum class Means : uint8_t { kept, any };
    void serve() noexcept;
    bool serve_ring(Means means);
    bool serve_one(PoolHost& host, Means means);
    bool make_room() noexcept;
    void take_out(PooledConnection& connection) noexcept;
    void forget_if_empty(PoolHost& host) noexcept;

    const uint32_t most_;
    const uint32_t most_per_host_;
    std::size_t places_ = 0;
    std::size_t idle_count_ = 0;
    bool closed_ = false;
    bool serving_ = false;
    std::map<std::string, PoolHost, std::less<>> hosts_;
    std::deque<PoolHost*> ring_;                            // somebody waits there, or did
    IntrusiveList<PooledConnection, ConnectionPool> idle_;  // of all hosts, the one used last behind
};

}  // namespace bine::http
