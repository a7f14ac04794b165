#include "bine/net/connection_ref.h"

#include "bine/base/pool.h"
#include "bine/net/transport.h"

namespace bine {

struct ConnectionRef::Cell final : Pooled<Cell> {
    Transport* transport;
    uint32_t count;

    Cell(Transport* t, uint32_t c) : transport(t), count(c) {}
    void drop() noexcept {
        if (--count == 0) delete this;
    }
};

ConnectionRef::ConnectionRef(const ConnectionRef& other) noexcept : cell_(other.cell_) {
    if (cell_) ++cell_->count;
}

ConnectionRef::~ConnectionRef() {
    if (cell_) cell_->drop();
}

Transport* ConnectionRef::transport() const noexcept { return cell_ ? cell_->transport : nullptr; }

bool ConnectionRef::write(std::string_view bytes) const {
    Transport* to = transport();
    if (!to || to->is_closing()) return false;
    to->write(bytes);
    return true;
}

bool ConnectionRef::write(Output&& output) const {
    Transport* to = transport();
    if (!to || to->is_closing()) return false;
    to->write(std::move(output));
    return true;
}

void ConnectionRef::close() const noexcept {
    if (Transport* to = transport()) to->close();
}

ConnectionRef ConnectionCell::ref(Transport& transport) {
    if (!cell_) cell_ = new ConnectionRef::Cell(&transport, 1);
    ConnectionRef ref;
    ref.cell_ = cell_;
    ++cell_->count;
    return ref;
}

void ConnectionCell::clear() noexcept {
    if (!cell_) return;
    cell_->transport = nullptr;
    std::exchange(cell_, nullptr)->drop();
}

}  // namespace bine
