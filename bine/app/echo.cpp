#include "bine/app/echo.h"

#include <utility>

#include "bine/base/intrusive_list.h"
#include "bine/net/transport.h"

namespace bine::app {

namespace {

class EchoService;

class EchoConnection final : public Protocol, public ListHook<> {
public:
    explicit EchoConnection(EchoService& service) : service_(&service) {}

    void connection_made(Transport& transport) override;
    void data_received(std::string_view bytes) override { transport_->write(bytes); }
    // A client that sends and does not read has to wait.
    void writing_paused() override { transport_->pause_reading(); }
    void writing_resumed() override { transport_->resume_reading(); }
    void connection_lost(const CloseReason& reason) override;

    void close() noexcept { transport_->close(); }
    void abort() noexcept {
        service_ = nullptr;
        transport_->abort();
    }

private:
    EchoService* service_;
    Transport* transport_ = nullptr;
};

class EchoService final : public Service {
public:
    ~EchoService() override {
        while (EchoConnection* connection = living_.pop_front()) connection->abort();
    }

    Factory factory() override {
        return [this] { return std::make_unique<EchoConnection>(*this); };
    }
    void drain(Duration) override {
        draining_ = true;
        living_.for_each([](EchoConnection& connection) { connection.close(); });
    }
    std::size_t connections() const noexcept override { return count_; }
    std::string what() const override { return "an echo of every byte"; }

    void joined(EchoConnection& connection) {
        ++count_;
        living_.push_back(connection);
        if (draining_) connection.close();
    }
    void left(EchoConnection& connection) {
        --count_;
        connection.unlink();
    }

private:
    IntrusiveList<EchoConnection> living_;
    std::size_t count_ = 0;
    bool draining_ = false;
};

void EchoConnection::connection_made(Transport& transport) {
    transport_ = &transport;
    service_->joined(*this);
}

void EchoConnection::connection_lost(const CloseReason&) {
    if (service_) service_->left(*this);
}

}  // namespace

std::unique_ptr<Service> make_echo_service() { return std::make_unique<EchoService>(); }

}  // namespace bine::app
