#include "bine/client/stub_client.h"

namespace bine::http {

namespace {

// Gives its pieces one by one.
class StubBody final : public BodySource {
public:
    StubBody(std::vector<std::string> pieces, std::optional<Error> error)
        : pieces_(std::move(pieces)), error_(std::move(error)) {}

    Deferred<std::string> read() override {
        while (next_ < pieces_.size()) {
            std::string piece = std::move(pieces_[next_++]);
            if (!piece.empty()) return ready(std::move(piece));
        }
        if (error_) return failed(*error_);
        return ready(std::string());
    }

private:
    std::vector<std::string> pieces_;
    std::size_t next_ = 0;
    std::optional<Error> error_;
};

// What a producer writes, kept.
class Collector final : public RequestWriter {
public:
    Deferred<> write(std::string_view bytes) override {
        body.append(bytes);
        return ready();
    }
    Deferred<> write(Output&& bytes) override { return write(bytes.to_string()); }
    void trailer(std::string_view, std::string_view) override {}

    std::string body;
};

std::string without_fragment(const Url& url) {
    Url shown = url;
    shown.set_fragment(std::nullopt);
    return shown.to_string();
}

std::string normal(std::string_view url) {
    const Result<Url> parsed = Url::parse(url);
    if (!parsed) throw parsed.error();
    return without_fragment(*parsed);
}

}  // namespace

StubClient::Expectation& StubClient::Expectation::answer(int status, std::string body, Fields fields) {
    status_ = status;
    pieces_.assign(1, std::move(body));
    fields_.assign(fields.begin(), fields.end());
    return *this;
}

StubClient::Expectation& StubClient::Expectation::pieces(std::vector<std::string> pieces) {
    pieces_ = std::move(pieces);
    return *this;
}

StubClient::Expectation& StubClient::Expectation::break_off(Error error) {
    body_error_ = std::move(error);
    return *this;
}

StubClient::Expectation& StubClient::Expectation::fail(Error error) {
    error_ = std::move(error);
    return *this;
}

StubClient::Expectation& StubClient::Expectation::check(Function<void(const Asked&)> check) {
    check_ = std::move(check);
    return *this;
}

StubClient::Expectation& StubClient::Expectation::always() noexcept {
    always_ = true;
    return *this;
}

StubClient::Expectation& StubClient::on(std::string_view method, std::string_view url) {
    Expectation& expectation = expected_.emplace_back();
    expectation.method_ = method;
    expectation.url_ = normal(url);
    return expectation;
}

Deferred<std::string> StubClient::collect_body(ClientRequest& request) {
    if (!request.is_stream()) co_return request.make_body().to_string();
    Collector collector;
    co_await request.produce(collector);
    co_return std::move(collector.body);
}

Deferred<ClientResponse> StubClient::send(ClientRequest request) {
    if (request.error()) co_return bine::fail(*request.error());
    std::string body = co_await collect_body(request);
    Asked asked{request.method(), without_fragment(request.url()), std::string(request.fields().lines()),
                std::move(body)};
    Result<ClientResponse> response = respond(request, std::move(asked));
    if (!response) co_return bine::fail(response.error());
    co_return std::move(*response);
}

Result<ClientResponse> StubClient::respond(const ClientRequest& request, Asked asked) {
    asked_.push_back(std::move(asked));
    const Asked& kept = asked_.back();
    Expectation* const found = find(kept);
    if (!found) {
        const std::string text = "nobody expects " + kept.method + " " + kept.url + "; " + describe_expected();
        if (problem_.empty()) problem_ = text;
        return bine::fail(Errc::not_found, text);
    }
    found->used_ = true;
    if (found->check_) found->check_(kept);
    if (found->error_) return bine::fail(*found->error_);
    std::vector<http1::Header> fields;
    for (const auto& [name, value] : found->fields_) fields.push_back({name, value});
    ClientResponse::Head head{.status = found->status_,
                              .reason = std::string(http1::reason_of(found->status_)),
                              .fields = AnswerFields({fields.data(), fields.size()}),
                              .url = request.url(),
                              .most_body = request.most_body().value_or(UINT64_MAX)};
    return ClientResponse(std::move(head), std::make_unique<StubBody>(found->pieces_, found->body_error_));
}

StubClient::Expectation* StubClient::find(const Asked& asked) noexcept {
    for (Expectation& one : expected_) {
        if (one.method_ == asked.method && one.url_ == asked.url && (one.always_ || !one.used_)) return &one;
    }
    return nullptr;
}

std::string StubClient::describe_expected() const {
    std::string text;
    for (const Expectation& one : expected_) {
        if (one.always_ || !one.used_) text.append(text.empty() ? "" : ", ").append(one.method_ + " " + one.url_);
    }
    return text.empty() ? "nothing is expected" : "expected: " + text;
}

std::string StubClient::problem() const {
    if (!problem_.empty()) return problem_;
    for (const Expectation& one : expected_) {
        if (!one.always_ && !one.used_) return "nobody asked for " + one.method_ + " " + one.url_;
    }
    return {};
}

}  // namespace bine::http
