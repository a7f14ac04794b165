// What a client is answered. Two of them: a ClientResponse, whose head is there and whose body is read as it comes, and an
// Answer, all of which is there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bine/async/deferred.h"
#include "bine/client/answer_fields.h"
#include "bine/net/protocol.h"
#include "bine/wire/url.h"

namespace bine::http {

// A redirect that was followed.
struct Hop {
    int status;
    Url url;  // what was asked there
};

// All of them, in order. Copies share.
class History {
public:
    void add(int status, const Url& url);
    std::size_t size() const noexcept { return static_cast<std::size_t>(end() - begin()); }
    bool empty() const noexcept { return !list_; }
    const Hop& operator[](std::size_t index) const noexcept { return begin()[index]; }
    const Hop* begin() const noexcept;
    const Hop* end() const noexcept;

private:
    struct List;
    std::shared_ptr<const List> list_;
};

struct Answer {
    int status = 0;
    std::string reason{};  // what the server calls the status; perhaps empty
    AnswerFields fields{};
    std::string body{};  // decoded
    Url url;             // where the answer came from, behind all redirects
    History history{};

    bool ok() const noexcept { return status >= 200 && status < 300; }
    // Errors: Errc::remote_protocol unless ok(): the URL, the status, and the beginning of the body when it is text.
    Result<> expect_ok() const;
};

// Where the body of an answer comes from. One read at a time.
class BodySource {
public:
    virtual ~BodySource() = default;
    // The next piece, which is not empty; an empty one at the end, and again after it. Errors are sticky.
    virtual Deferred<std::string> read() = 0;
    // Behind the end of the body.
    virtual http1::HeaderList trailers() const noexcept { return {}; }
    // Hands the connection over, with what has come behind the head. Errors: local_protocol, where the answer is no change of
    // protocol.
    virtual Result<> upgrade(std::unique_ptr<Protocol> next);
};

// Lifetime: independent of the Client. Destroying it before the body has come gives its connection up. It may be moved while
// a read waits.
class ClientResponse {
public:
    struct Head {
        int status = 0;
        std::string reason{};
        AnswerFields fields{};
        Url url;
        History history{};
        uint64_t most_body = UINT64_MAX;
    };

    ClientResponse(Head head, std::unique_ptr<BodySource> body);
    ClientResponse(ClientResponse&&) noexcept;
    ClientResponse& operator=(ClientResponse&&) noexcept;
    ~ClientResponse();

    int status() const noexcept;
    bool ok() const noexcept { return status() >= 200 && status() < 300; }
    const std::string& reason() const noexcept;
    const AnswerFields& fields() const noexcept;
    std::string_view header(std::string_view name) const noexcept { return fields().value(name); }
    const Url& url() const noexcept;
    const History& history() const noexcept;

    // The next piece of the body; an empty one at the end. The server is read no faster than this is called.
    Deferred<std::string> read();
    // All that is left of it. Errors: limit_exceeded, when it is more than `limit` (ClientOptions::body); the connection is
    // given up then.
    Deferred<std::string> body(uint64_t limit);
    Deferred<std::string> body();
    // When the body has been read to its end.
    http1::HeaderList trailers() const noexcept;
    // All of it, body included.
    Deferred<Answer> complete() &&;

    // Behind a 101, or a 2xx to CONNECT: the connection goes to `next`, which gets connection_made from here.
    Result<> upgrade(std::unique_ptr<Protocol> next);

private:
    struct State;
    static Deferred<std::string> read_all(State& state, uint64_t limit);
    static Deferred<Answer> complete(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace bine::http
