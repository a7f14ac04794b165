#include "bine/client/client_request.h"

#include <utility>
#include <vector>

#include "bine/base/text.h"
#include "bine/client/auth.h"
#include "bine/client/form.h"

namespace bine::http {

struct ClientRequest::Pieces {
    struct Piece {
        SharedBytes bytes{};
        Output::FileRange file{};  // or else this
    };
    std::vector<Piece> all;
};

ClientRequest::ClientRequest(ClientRequest&&) noexcept = default;
ClientRequest& ClientRequest::operator=(ClientRequest&&) noexcept = default;
ClientRequest::~ClientRequest() = default;

ClientRequest::ClientRequest(std::string_view method, std::string_view url) : method_(method) {
    Result<Url> parsed = Url::parse(url);
    if (parsed) {
        url_ = std::move(*parsed);
    } else {
        error_ = parsed.error();
    }
}

ClientRequest::ClientRequest(std::string_view method, Url url) : method_(method), url_(std::move(url)) {}

// The first thing that is wrong is the error of all.
template <class F>
ClientRequest& ClientRequest::guarded(F change) {
    try {
        change();
    } catch (const Error& error) {
        if (!error_) error_ = error;
    }
    return *this;
}

ClientRequest& ClientRequest::set(std::string_view name, std::string_view value) {
    if (equals_ignoring_case(name, "host")) {
        host_ = value;
        return *this;
    }
    return guarded([&] { fields_.set(name, value); });
}

ClientRequest& ClientRequest::add(std::string_view name, std::string_view value) {
    if (equals_ignoring_case(name, "host")) return set(name, value);
    return guarded([&] { fields_.add(name, value); });
}

ClientRequest& ClientRequest::query(std::string_view name, std::string_view value) {
    if (url_) url_->append_query(name, value);
    return *this;
}

void ClientRequest::drop_body() {
    pieces_.reset();
    producer_ = nullptr;
    length_.reset();
}

ClientRequest& ClientRequest::body(std::string bytes, std::string_view type) {
    drop_body();
    length_ = bytes.size();
    pieces_ = std::make_unique<Pieces>();
    pieces_->all.push_back({.bytes = SharedBytes::take(std::move(bytes))});
    if (!type.empty() && !fields_.has("Content-Type")) set("Content-Type", type);
    return *this;
}

ClientRequest& ClientRequest::body(Output&& bytes, std::string_view type) {
    drop_body();
    length_ = bytes.size();
    pieces_ = std::make_unique<Pieces>();
    std::string memory;
    const auto flush = [&] {
        if (!memory.empty()) pieces_->all.push_back({.bytes = SharedBytes::take(std::exchange(memory, {}))});
    };
    while (!bytes.empty()) {
        if (bytes.front_descriptor()) {
            (void)bytes.take_descriptor();  // there is nowhere for it to go
        } else if (const Output::FileRange* file = bytes.front_file()) {
            flush();
            pieces_->all.push_back({.file = *file});
            bytes.consume(file->length);
        } else {
            const std::string_view piece = bytes.front_bytes();
            memory.append(piece);
            bytes.consume(piece.size());
        }
    }
    flush();
    if (!type.empty() && !fields_.has("Content-Type")) set("Content-Type", type);
    return *this;
}

ClientRequest& ClientRequest::stream(Producer producer, std::optional<uint64_t> length, bool repeatable) {
    drop_body();
    producer_ = std::move(producer);
    length_ = length;
    repeatable_ = repeatable;
    return *this;
}

ClientRequest& ClientRequest::form(MultipartForm form) {
    const std::string type = form.content_type();
    return body(form.take(), type);
}

ClientRequest& ClientRequest::basic(std::string_view user, std::string_view password) {
    return authorize(basic_authorization(user, password));
}

ClientRequest& ClientRequest::bearer(std::string_view token) { return authorize(bearer_authorization(token)); }

ClientRequest& ClientRequest::authorize(const Result<std::string>& proof) {
    return guarded([&] {
        if (!proof) throw proof.error();
        fields_.set("Authorization", *proof);
    });
}

ClientRequest& ClientRequest::login(std::string user, std::string password) {
    login_ = {std::move(user), std::move(password)};
    return *this;
}

ClientRequest& ClientRequest::expect_continue(bool on) noexcept {
    expect_continue_ = on;
    return *this;
}

ClientRequest& ClientRequest::upgrade_to(std::string_view protocol) {
    upgrade_ = true;
    return set("Upgrade", protocol);
}

ClientRequest& ClientRequest::redirects(uint32_t most) noexcept {
    redirects_ = most;
    return *this;
}

ClientRequest& ClientRequest::time_limit(Duration total) noexcept {
    total_time_ = total;
    return *this;
}

ClientRequest& ClientRequest::limit_body(uint64_t bytes) noexcept {
    most_body_ = bytes;
    return *this;
}

ClientRequest& ClientRequest::close_after() noexcept {
    close_ = true;
    return *this;
}

bool ClientRequest::is_idempotent() const noexcept {
    for (const std::string_view method : {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
        if (method_ == method) return true;
    }
    return false;
}

Output ClientRequest::make_body() const {
    Output body;
    if (!pieces_) return body;
    for (const Pieces::Piece& piece : pieces_->all) {
        if (piece.file.file) {
            body.append(piece.file);
        } else {
            body.append(piece.bytes);
        }
    }
    return body;
}

Result<> ClientRequest::redirect(int status, Url to) {
    const bool asks_for_get = status == 303 || ((status == 301 || status == 302) && method_ == "POST");
    if (asks_for_get && method_ != "HEAD") {
        method_ = "GET";
        drop_body();
        expect_continue_ = false;
        for (const std::string_view name : {"Content-Type", "Content-Encoding", "Content-Language", "Content-Location",
                                            "Content-Disposition", "Digest", "Content-Digest", "Content-MD5"})
            fields_.remove(name);
    } else if (!can_be_repeated()) {
        return fail(Errc::local_protocol,
                    "the body of the request would have to be sent again, and is a stream that is not repeatable");
    }
    if (!url_->same_origin(to)) {
        host_.reset();
        login_.reset();
        for (const std::string_view name : {"Authorization", "Cookie", "Proxy-Authorization"}) fields_.remove(name);
    } else if (!to.has_credentials()) {
        to.set_credentials(url_->user(), url_->password());
    }
    if (!to.fragment() && url_->fragment()) to.set_fragment(url_->fragment());
    url_ = std::move(to);
    return {};
}

}  // namespace bine::http
