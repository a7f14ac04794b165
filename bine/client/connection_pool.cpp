#include "bine/client/connection_pool.h"

namespace bine::http {

PoolPlace::PoolPlace(ConnectionPool& pool, PoolHost& host) noexcept : pool_(&pool), host_(&host) {
    ++pool.places_;
    ++host.places;
}

PoolPlace::PoolPlace(PoolPlace&& other) noexcept
    : pool_(std::move(other.pool_)), host_(std::exchange(other.host_, nullptr)) {}

PoolPlace& PoolPlace::operator=(PoolPlace&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(host_, other.host_);
    return *this;
}

void PoolPlace::release() noexcept {
    if (!host_) return;
    const Ref<ConnectionPool> pool = std::move(pool_);
    PoolHost& host = *std::exchange(host_, nullptr);
    --pool->places_;
    --host.places;
    pool->forget_if_empty(host);
    pool->serve();
}

void PoolPlace::keep(PooledConnection& connection) noexcept {
    const Ref<ConnectionPool> pool = pool_;
    pool->keep(*host_, connection);
}

void PoolPlace::withdraw(PooledConnection& connection) noexcept {
    if (connection.is_idle()) pool_->take_out(connection);
    connection.handle_->connection = nullptr;
}

Lease::Lease(Ref<ConnectionPool> pool, PoolHost& host, PooledConnection& kept) noexcept
    : pool_(std::move(pool)), host_(&host), kept_(kept.handle()) {
    ++host_->leases;
}

Lease::Lease(Lease&& other) noexcept
    : place_(std::move(other.place_)),
      pool_(std::move(other.pool_)),
      host_(std::exchange(other.host_, nullptr)),
      kept_(std::move(other.kept_)) {}

Lease& Lease::operator=(Lease&& other) noexcept {
    std::swap(place_, other.place_);
    std::swap(pool_, other.pool_);
    std::swap(host_, other.host_);
    std::swap(kept_, other.kept_);
    return *this;
}

Lease::~Lease() { give_back(); }

Ref<ConnectionHandle> Lease::take_connection() noexcept {
    if (host_) --std::exchange(host_, nullptr)->leases;
    pool_ = {};
    return std::move(kept_);
}

void Lease::give_back() noexcept {
    if (!host_) return;
    const Ref<ConnectionPool> pool = pool_;
    PoolHost& host = *host_;
    const Ref<ConnectionHandle> kept = take_connection();
    if (kept->connection) {
        pool->keep(host, *kept->connection);
    } else {
        pool->forget_if_empty(host);
    }
}

Deferred<Lease> ConnectionPool::acquire(const std::string& name) {
    if (closed_) return failed(Errc::closed, "the HTTP client is closed");
    PoolHost& host = hosts_.try_emplace(name).first->second;
    if (host.name.empty()) host.name = name;
    Deferred<Lease> lease = host.waiters.wait(Place::current());
    if (!std::exchange(host.in_ring, true)) ring_.push_back(&host);
    serve();
    return lease;
}

void ConnectionPool::keep(PoolHost& host, PooledConnection& connection) noexcept {
    if (closed_) return connection.close_idle();
    host.idle.push_front(connection);
    idle_.push_back(connection);
    ++idle_count_;
    connection.begin_idle();
    serve();
}

void ConnectionPool::take_out(PooledConnection& connection) noexcept {
    static_cast<ListHook<PooledConnection>&>(connection).unlink();
    static_cast<ListHook<ConnectionPool>&>(connection).unlink();
    --idle_count_;
    connection.end_idle();
}

// In a batch, so that nobody who is served runs before all are. What frees a place on the way calls again, in vain.
void ConnectionPool::serve() noexcept {
    if (serving_) return;
    const Ref<ConnectionPool> self(this);
    const ChainBatch batch;
    serving_ = true;
    do {
        while (serve_ring(Means::kept)) {
        }
    } while (serve_ring(Means::any));
    serving_ = false;
}

// The first in the ring who can be served; false when there is none.
bool ConnectionPool::serve_ring(Means means) {
    for (std::size_t left = ring_.size(); left > 0; --left) {
        PoolHost& host = *ring_.front();
        ring_.pop_front();
        if (host.waiters.empty()) {
            host.in_ring = false;
            forget_if_empty(host);
            continue;
        }
        const bool served = serve_one(host, means);
        ring_.push_back(&host);
        if (served) return true;
    }
    return false;
}

bool ConnectionPool::serve_one(PoolHost& host, Means means) {
    if (PooledConnection* kept = host.idle.front()) {
        take_out(*kept);
        host.waiters.pop_front()->resolve(Lease(Ref<ConnectionPool>(this), host, *kept));
        return true;
    }
    if (means == Means::kept && host.places > 0) return false;
    if (host.places >= most_per_host_ || !make_room()) return false;
    host.waiters.pop_front()->resolve(Lease(PoolPlace(*this, host)));
    return true;
}

// For one more connection; at the expense of the one that was not used for longest.
bool ConnectionPool::make_room() noexcept {
    if (places_ < most_) return true;
    PooledConnection* const oldest = idle_.front();
    if (!oldest) return false;
    take_out(*oldest);
    oldest->close_idle();
    return places_ < most_;
}

void ConnectionPool::forget_if_empty(PoolHost& host) noexcept {
    if (host.places != 0 || host.leases != 0 || host.in_ring || !host.waiters.empty()) return;
    hosts_.erase(hosts_.find(host.name));
}

void ConnectionPool::forget_idle(const std::string& name) noexcept {
    const auto found = hosts_.find(name);
    if (found == hosts_.end()) return;
    const Ref<ConnectionPool> self(this);
    const ChainBatch batch;
    ++found->second.leases;  // so that it stays while its connections go
    while (PooledConnection* connection = found->second.idle.front()) {
        take_out(*connection);
        connection->close_idle();
    }
    --found->second.leases;
    forget_if_empty(found->second);
}

void ConnectionPool::close_idle() noexcept {
    const Ref<ConnectionPool> self(this);
    const ChainBatch batch;
    while (PooledConnection* connection = idle_.front()) {
        take_out(*connection);
        connection->close_idle();
    }
}

void ConnectionPool::close() noexcept {
    if (std::exchange(closed_, true)) return;
    const Ref<ConnectionPool> self(this);
    const ChainBatch batch;
    close_idle();
    const Error error(Errc::closed, "the HTTP client is closed");
    for (auto& [name, host] : hosts_) host.waiters.fail_all(error);
}

}  // namespace bine::http
