// A request as a client sends it: method, URL, fields, and a body that is there already, is in files, or is produced bit by
// bit.
//
//     http::ClientRequest request("POST", "http://example.org/things");
//     request.json(R"({"name":"bine"})").set("X-Request-Id", "7").time_limit(5s);
//     auto answer = co_await client.fetch(std::move(request));
//
// What is wrong with it (a URL that is none, a field that would make a line of its own) is kept, and is the error of sending
// it. Confined to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bine/async/deferred.h"
#include "bine/base/function.h"
#include "bine/base/output.h"
#include "bine/base/time.h"
#include "bine/http/fields.h"
#include "bine/wire/url.h"

namespace bine::http {

class MultipartForm;
class RequestWriter;

class ClientRequest {
public:
    using Producer = Function<Deferred<>(RequestWriter&)>;

    ClientRequest(std::string_view method, std::string_view url);
    ClientRequest(std::string_view method, Url url);
    ClientRequest(ClientRequest&&) noexcept;
    ClientRequest& operator=(ClientRequest&&) noexcept;
    ~ClientRequest();

    // The only field of that name afterwards, or one more. "Host" is said instead of the URL's.
    ClientRequest& set(std::string_view name, std::string_view value);
    ClientRequest& add(std::string_view name, std::string_view value);
    // One more parameter behind the URL's '?'.
    ClientRequest& query(std::string_view name, std::string_view value);

    // The body, each with its length. `type` is the Content-Type, unless there is one. Those of bytes and files can be sent
    // again, where a redirect or a dead connection asks for that.
    ClientRequest& body(std::string bytes, std::string_view type = {});
    ClientRequest& body(Output&& bytes, std::string_view type = {});
    ClientRequest& json(std::string text) { return body(std::move(text), "application/json"); }
    // "a=1&b=2".
    ClientRequest& form(std::string encoded) { return body(std::move(encoded), "application/x-www-form-urlencoded"); }
    // `producer` is kept until its Deferred ends, so a coroutine lambda may capture. Without a length it is sent in chunks. It
    // is called again when the body has to be sent again, if `repeatable`.
    ClientRequest& stream(Producer producer, std::optional<uint64_t> length = {}, bool repeatable = false);

    // Fields and files of a form (bine/client/form.h).
    ClientRequest& form(MultipartForm form);

    // Authorization, sent at once ...
    ClientRequest& basic(std::string_view user, std::string_view password);
    ClientRequest& bearer(std::string_view token);
    // ... or when the server asks, as it asks: Digest (RFC 7616) or Basic.
    ClientRequest& login(std::string user, std::string password);

    // The server is asked before the body is sent (Expect: 100-continue).
    ClientRequest& expect_continue(bool on = true) noexcept;
    // The answer may hand the connection over to `protocol` ("websocket"): ClientResponse::upgrade().
    ClientRequest& upgrade_to(std::string_view protocol);
    // In place of the client's options.
    ClientRequest& redirects(uint32_t most) noexcept;
    ClientRequest& time_limit(Duration total) noexcept;
    ClientRequest& limit_body(uint64_t bytes) noexcept;
    // The connection ends behind the answer.
    ClientRequest& close_after() noexcept;

    const std::string& method() const noexcept { return method_; }
    // Only when there is no error().
    const Url& url() const noexcept { return *url_; }
    const Fields& fields() const noexcept { return fields_; }
    const Error* error() const noexcept { return error_ ? &*error_ : nullptr; }
    // What Host says: as set, else as the URL has it.
    std::string host() const { return host_ ? *host_ : url_->authority(); }
    bool has_body() const noexcept { return producer_ || pieces_; }
    // Of bytes and files, and of a stream that knows it.
    std::optional<uint64_t> body_length() const noexcept { return length_; }
    bool can_be_repeated() const noexcept { return !producer_ || repeatable_; }
    // GET, HEAD, PUT, DELETE, OPTIONS, TRACE: twice does what once does (RFC 9110 section 9.2.2).
    bool is_idempotent() const noexcept;
    // The bytes and files of the body, to be sent; any number of times.
    Output make_body() const;
    bool is_stream() const noexcept { return static_cast<bool>(producer_); }
    Deferred<> produce(RequestWriter& writer) { return producer_(writer); }

    struct Login {
        std::string user;
        std::string password;
    };
    const std::optional<Login>& login() const noexcept { return login_; }
    bool expects_continue() const noexcept { return expect_continue_; }
    bool wants_upgrade() const noexcept { return upgrade_; }
    bool closes() const noexcept { return close_; }
    std::optional<uint32_t> most_redirects() const noexcept { return redirects_; }
    std::optional<Duration> total_time() const noexcept { return total_time_; }
    std::optional<uint64_t> most_body() const noexcept { return most_body_; }

    // Turns it into what a redirect with `status` asks for (RFC 9110 section 15.4): 303 into a GET, so too a POST by 301 and
    // 302; a HEAD stays one. What is not for another origin (Authorization, Cookie, Host) stays behind when the origin changes.
    // Errors: the body would have to be sent again and cannot be.
    Result<> redirect(int status, Url to);

private:
    struct Pieces;  // of a body: bytes and files

    template <class F>
    ClientRequest& guarded(F change);
    ClientRequest& authorize(const Result<std::string>& proof);
    void drop_body();

    std::string method_;
    std::optional<Url> url_;
    Fields fields_;
    std::optional<std::string> host_;
    std::optional<Error> error_;
    std::unique_ptr<Pieces> pieces_;
    Producer producer_;
    std::optional<uint64_t> length_;
    std::optional<Login> login_;
    std::optional<uint32_t> redirects_;
    std::optional<Duration> total_time_;
    std::optional<uint64_t> most_body_;
    bool repeatable_ = false;
    bool expect_continue_ = false;
    bool upgrade_ = false;
    bool close_ = false;
};

// Where a producer writes the body. Valid until its Deferred ends; one write at a time.
class RequestWriter {
public:
    // Ends when there is room for more: at once, unless the server lags. Dropping it stops the waiting, not the bytes.
    // Errors: why the connection has ended; more bytes than were announced.
    virtual Deferred<> write(std::string_view bytes) = 0;
    virtual Deferred<> write(Output&& bytes) = 0;
    // A field behind a body that is sent in chunks; otherwise it is dropped.
    virtual void trailer(std::string_view name, std::string_view value) = 0;

protected:
    ~RequestWriter() = default;
};

}  // namespace bine::http
