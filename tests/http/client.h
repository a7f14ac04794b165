// For the tests of bine/http: one connection to a server, and the other side of it, on a transport and a clock that only the
// test moves.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bine/base/log.h"
#include "bine/http/server.h"
#include "bine/testing/string_transport.h"

namespace bine::http {

// Answers without the lines that are the same in each.
inline std::string without_common_lines(std::string text) {
    for (const std::string_view name : {"Server: bine\r\n", "Date: "}) {
        for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
            text.erase(at, text.find('\n', at) + 1 - at);
        }
    }
    return text;
}

class Client {
public:
    explicit Client(Handler handler, ServerOptions options = {}) : server(std::move(handler), options) {
        transport.start(server.make_protocol());
    }

    // All that was answered to `bytes`, once nothing more happens.
    std::string send(std::string_view bytes) {
        transport.receive(bytes);
        transport.settle();
        return answers();
    }
    std::string answers() { return without_common_lines(transport.take_written()); }
    std::string after(Duration time) {
        transport.advance(time);
        transport.settle();
        return answers();
    }
    bool closed() const { return transport.is_lost() || transport.has_ended(); }

    Server server;
    testing::StringTransport transport;
};

// What is logged while it lives.
class CapturedLog {
public:
    CapturedLog() : old_(log::set_sink([this](const log::Record& record) { lines.push_back(log::to_line(record)); })) {}
    ~CapturedLog() { log::set_sink(std::move(old_)); }

    std::vector<std::string> lines;

private:
    log::Sink old_;
};

inline std::string answer(std::string_view status, std::string_view body, std::string_view more = {}) {
    return "HTTP/1.1 " + std::string(status) +
           "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(more) + "\r\n" + std::string(body);
}
inline std::string ok(std::string_view body, std::string_view more = {}) { return answer("200 OK", body, more); }

inline std::string get(std::string_view target, std::string_view more = {}) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(more) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body) {
    return "POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string(body);
}

}  // namespace bine::http
