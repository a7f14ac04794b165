#include "bine/http/request.h"

#include "bine/http/exchange.h"
#include "bine/http/server_connection.h"
#include "bine/net/transport.h"
#include "bine/wire/http1/target.h"

namespace bine::http {

std::optional<std::string> Request::query_value(std::string_view name) const {
    for (http1::Query parameters(query()); const auto item = parameters.next();) {
        if (http1::Query::decode(item->name) == name) return http1::Query::decode(item->value);
    }
    return std::nullopt;
}

std::string_view Request::param(std::string_view name) const noexcept {
    for (std::size_t i = 0; i < param_count_; ++i) {
        if (params_[i].name == name) return params_[i].value;
    }
    return {};
}

Deferred<std::string_view> Request::read() {
    if (!exchange_) return ready(std::string_view());
    return exchange_->read();
}

Deferred<std::string> Request::body(uint64_t limit) {
    limit_body(limit);
    return body();
}

Deferred<std::string> Request::body() {
    if (!exchange_) return ready(std::string());
    return exchange_->read_all();
}

int Request::body_status() const noexcept { return exchange_ ? exchange_->body_status() : 0; }

void Request::limit_body(uint64_t bytes) noexcept {
    if (exchange_) exchange_->limit_body(bytes);
}

Address Request::peer_address() const { return connection_->transport().peer_address(); }
Reactor& Request::reactor() const noexcept { return connection_->transport().reactor(); }

}  // namespace bine::http
