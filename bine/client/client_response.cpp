#include "bine/client/client_response.h"

#include <utility>
#include <vector>

#include "bine/base/text.h"

namespace bine::http {

namespace {

constexpr std::size_t kShownBody = 200;  // bytes of it in an error

}  // namespace

struct History::List {
    std::vector<Hop> hops;
};

void History::add(int status, const Url& url) {
    auto longer = list_ ? std::make_shared<List>(*list_) : std::make_shared<List>();
    longer->hops.push_back({status, url});
    list_ = std::move(longer);
}

const Hop* History::begin() const noexcept { return list_ ? list_->hops.data() : nullptr; }
const Hop* History::end() const noexcept { return list_ ? begin() + list_->hops.size() : nullptr; }

struct ClientResponse::State {
    Head head;
    std::unique_ptr<BodySource> body;
};

Result<> BodySource::upgrade(std::unique_ptr<Protocol>) {
    return fail(Errc::local_protocol, "the answer does not change the protocol");
}

Result<> Answer::expect_ok() const {
    if (ok()) return {};
    std::string text = url.to_string() + " was answered with " + std::to_string(status);
    if (!reason.empty()) text.append(" ").append(escape(reason));
    if (fields.value("Content-Type").starts_with("text/plain") && !body.empty()) {
        text.append(": ").append(escape(body.substr(0, kShownBody)));
    }
    return fail(Errc::remote_protocol, text);
}

ClientResponse::ClientResponse(Head head, std::unique_ptr<BodySource> body)
    : state_(std::make_unique<State>(std::move(head), std::move(body))) {}
ClientResponse::ClientResponse(ClientResponse&&) noexcept = default;
ClientResponse& ClientResponse::operator=(ClientResponse&&) noexcept = default;
ClientResponse::~ClientResponse() = default;

int ClientResponse::status() const noexcept { return state_->head.status; }
const std::string& ClientResponse::reason() const noexcept { return state_->head.reason; }
const AnswerFields& ClientResponse::fields() const noexcept { return state_->head.fields; }
const Url& ClientResponse::url() const noexcept { return state_->head.url; }
const History& ClientResponse::history() const noexcept { return state_->head.history; }
http1::HeaderList ClientResponse::trailers() const noexcept { return state_->body->trailers(); }

Deferred<std::string> ClientResponse::read() { return state_->body->read(); }
Deferred<std::string> ClientResponse::body(uint64_t limit) { return read_all(*state_, limit); }
Deferred<std::string> ClientResponse::body() { return read_all(*state_, state_->head.most_body); }

Deferred<std::string> ClientResponse::read_all(State& state, uint64_t limit) {
    std::string all;
    while (true) {
        const std::string piece = co_await state.body->read();
        if (piece.empty()) co_return all;
        if (piece.size() > limit - all.size()) {
            co_return fail(Errc::limit_exceeded, "the body of " + state.head.url.to_string() + " is longer than " +
                                                     std::to_string(limit) + " bytes");
        }
        all.append(piece);
    }
}

Deferred<Answer> ClientResponse::complete() && { return complete(std::move(state_)); }

Deferred<Answer> ClientResponse::complete(std::unique_ptr<State> state) {
    std::string body = co_await read_all(*state, state->head.most_body);
    Head& head = state->head;
    co_return Answer{.status = head.status,
                     .reason = std::move(head.reason),
                     .fields = std::move(head.fields),
                     .body = std::move(body),
                     .url = std::move(head.url),
                     .history = std::move(head.history)};
}

Result<> ClientResponse::upgrade(std::unique_ptr<Protocol> next) { return state_->body->upgrade(std::move(next)); }

}  // namespace bine::http
