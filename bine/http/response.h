// What a handler answers: a status, header fields, and a body that is there already, is a file, or is produced bit by bit.
//
//     return Response::text("hello\n");
//     return Response::json(R"({"ok":true})").status(201).set("Location", "/things/7");
//     return Response::stream([](ResponseWriter& out) -> Deferred<> { co_await out.write("a bit"); co_await out.write("more"); });
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "bine/async/deferred.h"
#include "bine/base/function.h"
#include "bine/base/output.h"
#include "bine/http/fields.h"
#include "bine/net/protocol.h"

namespace bine::http {

class Exchange;
class ResponseWriter;

class Response {
public:
    using Producer = Function<Deferred<>(ResponseWriter&)>;

    // No body.
    explicit Response(int status = 200) noexcept : status_(status) {}

    static Response text(std::string_view body);  // text/plain; copies
    static Response html(std::string_view body);  // text/html; copies
    static Response json(std::string_view body);  // application/json; copies
    static Response of(std::string_view type, Output&& body);
    // "Location: `to`", with a sentence for people. 303 unless it says otherwise.
    static Response redirect(std::string_view to, int status = 303);
    // The error page of `status`: small HTML for browsers, a line of text for others. The server chooses when it sends it.
    static Response error(int status, std::string_view explanation = {});
    // `producer` is kept until its Deferred ends, so a coroutine lambda may capture. The head leaves with the first write.
    static Response stream(Producer producer);
    // 101: the connection goes to `next`. Only as the answer to a request that wants an upgrade to `protocol`.
    static Response upgrade(std::string_view protocol, std::unique_ptr<Protocol> next);

    int status() const noexcept { return status_; }
    Response& status(int status) & noexcept {
        status_ = status;
        return *this;
    }
    Response&& status(int status) && noexcept {
        status_ = status;
        return std::move(*this);
    }

    // Errors: throw what Fields throws.
    Response& set(std::string_view name, std::string_view value) & {
        fields_.set(name, value);
        return *this;
    }
    Response&& set(std::string_view name, std::string_view value) && { return std::move(set(name, value)); }
    Response& add(std::string_view name, std::string_view value) & {
        fields_.add(name, value);
        return *this;
    }
    Response&& add(std::string_view name, std::string_view value) && { return std::move(add(name, value)); }
    Fields& fields() noexcept { return fields_; }
    const Fields& fields() const noexcept { return fields_; }

    // The body. A file range goes out with sendfile where there is one.
    Response& body(Output&& body) & {
        body_ = std::move(body);
        return *this;
    }
    Response&& body(Output&& body) && {
        body_ = std::move(body);
        return std::move(*this);
    }
    Output& body() noexcept { return body_; }
    const Output& body() const noexcept { return body_; }

    // How long a stream will be; without it, it is sent in chunks. Of an answer to HEAD: how long the body would be.
    Response& length(uint64_t bytes) & noexcept {
        length_ = bytes;
        return *this;
    }
    Response&& length(uint64_t bytes) && noexcept {
        length_ = bytes;
        return std::move(*this);
    }

    // Closes the connection behind this answer.
    Response& close_after() & noexcept {
        close_ = true;
        return *this;
    }
    Response&& close_after() && noexcept {
        close_ = true;
        return std::move(*this);
    }

    // Whether the connection goes to another protocol.
    bool is_upgrade() const noexcept { return next_ != nullptr; }
    bool is_stream() const noexcept { return static_cast<bool>(producer_); }
    bool is_error_page() const noexcept { return error_page_; }

private:
    friend class Exchange;
    friend class ServerConnection;
    friend class ResponseSender;

    int status_ = 200;
    bool close_ = false;
    bool error_page_ = false;
    std::optional<uint64_t> length_;
    Fields fields_;
    Output body_;
    Producer producer_;
    std::unique_ptr<Protocol> next_;
};

// Where a stream writes. Valid until the producer's Deferred ends; one write at a time.
class ResponseWriter {
public:
    // Status and fields may be changed until the first write.
    Response& head() noexcept;
    bool head_sent() const noexcept;

    // Ends when there is room for more: at once, unless the client lags. Dropping it stops the waiting, not the bytes.
    // In an answer without a body (to HEAD; 204; 304) the first write sends the head and ends the producer, cancelled.
    Deferred<> write(std::string_view bytes);
    Deferred<> write(Output&& bytes);
    // A field behind the body. Only a chunked body carries it; otherwise it is dropped.
    void trailer(std::string_view name, std::string_view value);

private:
    friend class Exchange;
    explicit ResponseWriter(Exchange& exchange) noexcept : exchange_(exchange) {}
    Exchange& exchange_;
};

}  // namespace bine::http
