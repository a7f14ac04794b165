#include "bine/async/sleep.h"
#include "bine/async/within.h"
#include "bine/base/log.h"
#include "bine/base/text.h"
#include "bine/reactor/reactor.h"
#include "kv.h"

namespace kv {

using namespace bine;

namespace {

// What stands behind "value "; nothing for other answers.
std::optional<std::string> value_in(const std::string& answer) {
    if (!answer.starts_with("value ")) return std::nullopt;
    return answer.substr(6);
}

}  // namespace

Deferred<> Client::put(std::string_view key, std::string_view value) {
    co_await ask("put " + std::string(key) + " " + std::string(value));
}

Deferred<std::optional<std::string>> Client::get(std::string_view key) {
    const std::string answer = co_await ask("get " + std::string(key));
    co_return value_in(answer);
}

Deferred<uint64_t> Client::incr(std::string_view key) {
    const std::string answer = co_await ask("incr " + std::string(key));
    co_return try_parse_decimal(value_in(answer).value_or("")).value_or(0);
}

// Whether an attempt that has failed was carried out, nobody knows: so all attempts have one number.
Deferred<std::string> Client::ask(std::string request) {
    const std::string line = name_ + " " + std::to_string(++number_) + " " + request + "\n";
    for (int left = options_.attempts;; --left) {
        auto answer = co_await within(reactor_, options_.limit, attempt(line)).as_result();
        if (answer && !answer->starts_with("error ")) co_return *answer;
        if (answer) co_return fail(Errc::remote_protocol, *answer + ", to " + request);
        if (left <= 1) co_return fail(answer.error());
        log::info("kv", "asks again", {{"client", name_}, {"number", number_}, {"error", answer.error().text()}});
        ++retries_;
        stream_.reset();
        co_await sleep(reactor_, options_.pause);
    }
}

Deferred<std::string> Client::attempt(std::string line) {
    if (!stream_) stream_ = co_await connect(reactor_, endpoint_);
    co_await stream_->write(line);
    co_return co_await stream_->read_line();
}

}  // namespace kv
