#include "scenes.h"

#include <charconv>

#include "bine/async/sleep.h"
#include "bine/base/text.h"

namespace bine::tests {

using namespace std::chrono_literals;

std::string pattern(uint64_t number, std::size_t size) {
    std::string bytes;
    bytes.reserve(size + 24);
    for (uint64_t i = 0; bytes.size() < size; ++i) {
        bytes += std::to_string(number);
        bytes += '.';
        bytes += std::to_string(i);
        bytes += ' ';
    }
    bytes.resize(size);
    return bytes;
}

Deferred<std::optional<Stream>> dial(Reactor& reactor, std::string endpoint, int attempts) {
    ConnectionOptions options;
    options.idle_timeout = 90s;
    for (int i = 0; i < attempts; ++i) {
        auto connected = co_await connect(reactor, endpoint, options).as_result();
        if (connected) co_return std::move(*connected);
        co_await sleep(reactor, 100ms);
    }
    co_return std::nullopt;
}

Deferred<> write_in_pieces(sim::World& world, Reactor& reactor, Stream& stream, std::string bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t size = bytes.size() - at;
        const std::size_t piece =
            world.one_in("a small write", 3) ? 1 + world.choose("its size", std::min<std::size_t>(size, 300)) : size;
        co_await stream.write(std::string_view(bytes).substr(at, piece));
        at += piece;
        if (world.one_in("a pause in writing", 6)) {
            const Duration pause = 1ms * static_cast<int>(world.choose("its length", 50));
            co_await sleep(reactor, pause);
        }
    }
}

namespace {

std::optional<std::string_view> field(std::string_view head, std::string_view name) {
    for (std::size_t at = 0; (at = head.find("\r\n", at)) != std::string_view::npos;) {
        at += 2;
        const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
        const std::size_t colon = line.find(": ");
        if (colon == std::string_view::npos || !equals_ignoring_case(line.substr(0, colon), name)) continue;
        return line.substr(colon + 2);
    }
    return std::nullopt;
}

Deferred<std::string> read_chunks(Stream& stream) {
    std::string body;
    while (true) {
        const std::string line = co_await stream.read_line();
        const std::size_t size = try_parse_hex(line).value_or(0);
        if (size == 0) break;
        const std::string piece = co_await stream.read_exactly(size);
        body += piece;
        co_await stream.read_exactly(2);
    }
    co_await stream.read_until("\r\n");
    co_return body;
}

}  // namespace

Deferred<Answer> read_answer(Stream& stream) {
    const std::string head = co_await stream.read_until("\r\n\r\n");
    Answer answer;
    answer.fields = head;
    answer.status = static_cast<int>(try_parse_decimal(std::string_view(head).substr(9, 3)).value_or(0));
    answer.closes = field(head, "Connection") == "close";
    const auto length = field(head, "Content-Length");
    if (field(head, "Transfer-Encoding") == "chunked") {
        answer.body = co_await read_chunks(stream);
    } else if (length && answer.status != 304) {
        answer.body = co_await stream.read_exactly(try_parse_decimal(*length).value_or(0));
    }
    co_return answer;
}

}  // namespace bine::tests
