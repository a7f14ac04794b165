#include "bine/client/stub_client.h"

#include <deque>
#include <optional>
#include <vector>

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

struct StubClient::Expectation::Script {
    std::string method;
    std::string url;
    int status = 200;
    std::vector<std::pair<std::string, std::string>> fields;
    std::vector<std::string> pieces;
    std::optional<Error> body_error;
    std::optional<Error> error;
    Function<void(const Asked&)> check;
    bool always = false;
    bool used = false;

    bool waits() const noexcept { return always || !used; }
};

struct StubClient::Table {
    using Script = Expectation::Script;

    Script* find(const Asked& wanted) noexcept {
        for (Script& one : expected) {
            if (one.method == wanted.method && one.url == wanted.url && one.waits()) return &one;
        }
        return nullptr;
    }
    std::string describe() const {
        std::string text;
        for (const Script& one : expected) {
            if (one.waits()) text.append(text.empty() ? "" : ", ").append(one.method + " " + one.url);
        }
        return text.empty() ? "nothing is expected" : "expected: " + text;
    }

    std::deque<Script> expected;
    std::deque<Asked> asked;
    std::string problem;
};

StubClient::StubClient() : table_(std::make_unique<Table>()) {}
StubClient::~StubClient() = default;

StubClient::Expectation& StubClient::Expectation::answer(int status, std::string body, Fields fields) {
    script_->status = status;
    script_->pieces.clear();
    script_->pieces.push_back(std::move(body));
    script_->fields.assign(fields.begin(), fields.end());
    return *this;
}

StubClient::Expectation& StubClient::Expectation::pieces(std::initializer_list<std::string_view> pieces) {
    script_->pieces.assign(pieces.begin(), pieces.end());
    return *this;
}

StubClient::Expectation& StubClient::Expectation::break_off(Error error) {
    script_->body_error = std::move(error);
    return *this;
}

StubClient::Expectation& StubClient::Expectation::fail(Error error) {
    script_->error = std::move(error);
    return *this;
}

StubClient::Expectation& StubClient::Expectation::check(Function<void(const Asked&)> check) {
    script_->check = std::move(check);
    return *this;
}

StubClient::Expectation& StubClient::Expectation::always() noexcept {
    script_->always = true;
    return *this;
}

StubClient::Expectation StubClient::on(std::string_view method, std::string_view url) {
    Expectation::Script& script = table_->expected.emplace_back();
    script.method = method;
    script.url = normal(url);
    return Expectation(script);
}

std::size_t StubClient::asked() const noexcept { return table_->asked.size(); }
const StubClient::Asked& StubClient::asked(std::size_t index) const noexcept { return table_->asked[index]; }

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
    table_->asked.push_back(std::move(asked));
    const Asked& kept = table_->asked.back();
    Expectation::Script* const found = table_->find(kept);
    if (!found) {
        const std::string text = "nobody expects " + kept.method + " " + kept.url + "; " + table_->describe();
        if (table_->problem.empty()) table_->problem = text;
        return bine::fail(Errc::not_found, text);
    }
    found->used = true;
    if (found->check) found->check(kept);
    if (found->error) return bine::fail(*found->error);
    std::vector<http1::Header> fields;
    fields.reserve(found->fields.size());
    for (const auto& [name, value] : found->fields) fields.push_back({name, value});
    ClientResponse::Head head{.status = found->status,
                              .reason = std::string(http1::reason_of(found->status)),
                              .fields = AnswerFields({fields.data(), fields.size()}),
                              .url = request.url(),
                              .most_body = request.most_body().value_or(UINT64_MAX)};
    return ClientResponse(std::move(head), std::make_unique<StubBody>(found->pieces, found->body_error));
}

std::string StubClient::problem() const {
    if (!table_->problem.empty()) return table_->problem;
    for (const Expectation::Script& one : table_->expected) {
        if (!one.always && !one.used) return "nobody asked for " + one.method + " " + one.url;
    }
    return {};
}

}  // namespace bine::http
