#include "bine/names/exchange.h"

#include <ares.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bine::names {

namespace {

constexpr int kInternet = 1;
// Never: the time limit is the caller's.
constexpr int kNoTimeout = 1 << 30;
// How often a socket may be ready before there is an answer: far more than an answer of 64 KiB needs.
constexpr std::size_t kMostEvents = 4096;

Error error_of(int status) {
    switch (status) {
        case ARES_ECONNREFUSED:
        case ARES_EOF:
        case ARES_ETIMEOUT:
            return Error(std::error_code(ECONNREFUSED, std::system_category()),
                         "cannot be reached, or hung up without an answer");
        case ARES_ENOMEM: return Error::out_of_memory();
        case ARES_EBADNAME: return Error(Errc::invalid_argument, "was not asked: that is no name");
        case ARES_ENOTFOUND: return Error(Errc::not_found, "was not asked: such names are not for name servers");
        default: return Error(Errc::remote_protocol, std::string("gave no answer: ") + ares_strerror(status));
    }
}

}  // namespace

Exchange::Exchange(Reactor& reactor, Address server) : reactor_(reactor), server_(std::move(server)) {}

Exchange::~Exchange() {
    if (channel_) ares_destroy(channel_);
}

Deferred<std::string> Exchange::ask(const std::string& name, RecordType type) {
    if (const Result<> opened = open(); !opened) return failed(opened.error());
    Deferred<std::string> answer = promise_.deferred();
    ares_query(channel_, name.c_str(), kInternet, static_cast<int>(type), &answered, this);
    finish();
    return answer;
}

// All that c-ares would read the system's files for is given.
Result<> Exchange::open() {
    char lookups[] = "b";
    in_addr nowhere{};
    ares_options options{};
    options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP;
    options.timeout = kNoTimeout;
    options.tries = 1;
    options.ndots = 0;
    options.lookups = lookups;
    options.servers = &nowhere;
    options.nservers = 1;
    options.sock_state_cb = &socket_changed;
    options.sock_state_cb_data = this;
    int status = ares_init_options(&channel_, &options,
                                   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                                       ARES_OPT_LOOKUPS | ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST |
                                       ARES_OPT_NOROTATE | ARES_OPT_SOCK_STATE_CB);
    if (status != ARES_SUCCESS) {
        channel_ = nullptr;
        return fail(error_of(status));
    }
    ares_addr_port_node node{};
    node.family = server_.family() == Address::Family::ipv6 ? AF_INET6 : AF_INET;
    const std::string_view ip = server_.ip_bytes();
    std::memcpy(&node.addr, ip.data(), std::min(ip.size(), sizeof node.addr));
    node.udp_port = node.tcp_port = server_.port();
    status = ares_set_servers_ports(channel_, &node);
    if (status != ARES_SUCCESS) return fail(error_of(status));
    return {};
}

void Exchange::socket_changed(void* self, int fd, int readable, int writable) noexcept {
    auto& exchange = *static_cast<Exchange*>(self);
    try {
        exchange.watch(fd, readable != 0, writable != 0);
    } catch (...) {
        exchange.outcome_ = fail(Error::from_current_exception());
    }
}

void Exchange::watch(int fd, bool readable, bool writable) {
    const auto at = std::find_if(watched_.begin(), watched_.end(), [fd](const Watched& one) { return one.fd == fd; });
    if (!readable && !writable) {
        if (at != watched_.end()) watched_.erase(at);
    } else if (at != watched_.end()) {
        at->watch->watch(readable, writable);
    } else {
        const auto is_ready = [this, fd](bool can_read, bool can_write) { ready(fd, can_read, can_write); };
        watched_.push_back({fd, std::make_unique<DescriptorWatch>(reactor_, fd, readable, writable, is_ready)});
    }
}

void Exchange::answered(void* self, int status, int, unsigned char* message, int size) noexcept {
    auto& exchange = *static_cast<Exchange*>(self);
    if (exchange.outcome_ || status == ARES_EDESTRUCTION) return;
    try {
        if (message) {
            exchange.outcome_.emplace(
                std::string(reinterpret_cast<const char*>(message), static_cast<std::size_t>(size)));
        } else {
            exchange.outcome_ = fail(error_of(status));
        }
    } catch (...) {
        exchange.outcome_ = fail(Error::out_of_memory());
    }
}

void Exchange::ready(int fd, bool readable, bool writable) {
    if (++events_ > kMostEvents) {
        outcome_ = fail(Error(Errc::limit_exceeded, "sends without end, and no answer"));
    } else {
        ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    }
    finish();
}

// Not from inside of a call to c-ares: whoever hears the outcome may destroy the channel.
void Exchange::finish() {
    if (!outcome_ || !promise_) return;
    Promise<std::string> promise = std::move(promise_);
    Result<std::string> outcome = std::move(*outcome_);
    if (outcome) {
        std::move(promise).resolve(std::move(*outcome));
    } else {
        std::move(promise).fail(std::move(outcome.error()));
    }
}

}  // namespace bine::names
