// A name for a connection that outlives it: for whoever publishes to many connections, or answers later.
//
// One counted, pooled cell per connection, made at the first ref(). Not thread-safe: confined to the reactor's thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "bine/base/output.h"

namespace bine {

class Transport;

class ConnectionRef {
public:
    // Names nothing.
    ConnectionRef() = default;
    ConnectionRef(const ConnectionRef& other) noexcept;
    ConnectionRef(ConnectionRef&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
    ConnectionRef& operator=(ConnectionRef other) noexcept {
        std::swap(cell_, other.cell_);
        return *this;
    }
    ~ConnectionRef();

    // The transport that the connection's protocol was given; null once it is lost.
    Transport* transport() const noexcept;
    explicit operator bool() const noexcept { return transport() != nullptr; }

    // False when the connection is gone or closing: the bytes went nowhere.
    bool write(std::string_view bytes) const;
    bool write(Output&& output) const;
    void close() const noexcept;

    friend bool operator==(const ConnectionRef& a, const ConnectionRef& b) noexcept { return a.cell_ == b.cell_; }

private:
    friend class ConnectionCell;
    struct Cell;
    Cell* cell_ = nullptr;
};

// The other end, a member of every transport that gives out refs. Destroying it makes its refs null.
class ConnectionCell {
public:
    ConnectionCell() = default;
    ConnectionCell(const ConnectionCell&) = delete;
    ConnectionCell& operator=(const ConnectionCell&) = delete;
    ~ConnectionCell() { clear(); }

    ConnectionRef ref(Transport& transport);
    void clear() noexcept;

private:
    ConnectionRef::Cell* cell_ = nullptr;
};

}  // namespace bine
