// One client that does what it is told, a line of standard input at a time, and prints what happens:
//     bine_interop_client [SETTING=VALUE ...] < COMMANDS
//
// Settings: ca (a file), per-host, requests, proxy, unix, cookies=yes, user, password, and in milliseconds connect-ms,
// handshake-ms, head-ms, read-ms, write-ms, continue-ms, total-ms.
// Commands: ask METHOD URL [BODY], upload URL BYTES, ready URL BYTES (asks with Expect), many NUMBER URL (at once; "{}" in the
// URL is its number), hold URL MS (the body is read after that time only), pause MS.
//
// An answer is a line "answer STATUS BYTES PORT BODY": the field X-Port, or "-", and the body up to its first line end.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bine/async/gather.h"
#include "bine/async/sleep.h"
#include "bine/client/client.h"
#include "bine/client/client_trace.h"
#include "bine/client/cookie_jar.h"
#include "bine/endpoints/react.h"
#include "bine/tls/context.h"

namespace bine::http {
namespace {

void say(std::string_view word, std::string_view text = {}) {
    const std::string line = std::string(word) + (text.empty() ? "" : " ") + std::string(text) + "\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
}

class Told final : public ClientTrace {
public:
    void queued(const Trip&) override { say("queued"); }
    void reused(const Trip&) override { say("reused"); }
    void connecting(const Trip&) override { say("connecting"); }
    void connected(const Trip&, Duration) override { say("connected"); }
    void secured(const Trip&, Duration) override { say("secured"); }
    void interim(const Trip&, int status) override { say("interim", std::to_string(status)); }
    void retried(const Trip&, const Error& error) override { say("retried", error.text()); }
    void redirected(const Trip&, int status, const Url& to) override {
        say("redirected", std::to_string(status) + " " + to.to_string());
    }
};

class Settings {
public:
    explicit Settings(Args args) {
        for (std::size_t i = 0; i < args.size(); ++i) {
            const std::string word(args[i]);
            const std::size_t sign = word.find('=');
            if (sign == word.npos) throw Error(Errc::invalid_argument, word + " is not SETTING=VALUE");
            values_[word.substr(0, sign)] = word.substr(sign + 1);
        }
    }

    std::string text(const std::string& name) const {
        const auto found = values_.find(name);
        return found == values_.end() ? std::string() : found->second;
    }
    void set(const std::string& name, uint32_t& option) const {
        if (const std::string value = text(name); !value.empty()) option = static_cast<uint32_t>(std::stoul(value));
    }
    void set(const std::string& name, Duration& option) const {
        if (const std::string value = text(name); !value.empty()) option = std::chrono::milliseconds(std::stol(value));
    }

private:
    std::map<std::string, std::string> values_;
};

class Player {
public:
    Player(Reactor& reactor, Args args) : reactor_(reactor), settings_(args), user_(settings_.text("user")) {
        const std::string proxy = settings_.text("proxy"), unix_path = settings_.text("unix");
        ClientOptions options{.unix_path = unix_path, .proxy = proxy, .trace = &told_};
        if (!settings_.text("cookies").empty()) options.cookies = &jar_;
        settings_.set("per-host", options.connections_per_host);
        settings_.set("requests", options.requests_per_connection);
        settings_.set("connect-ms", options.connect_time);
        settings_.set("handshake-ms", options.handshake_time);
        settings_.set("head-ms", options.head_time);
        settings_.set("read-ms", options.read_time);
        settings_.set("write-ms", options.write_time);
        settings_.set("continue-ms", options.continue_time);
        settings_.set("total-ms", options.total_time);
        const std::string ca = settings_.text("ca");
        if (ca.empty()) {
            client_.emplace(reactor, options);
        } else {
            tls::ClientOptions trust;
            trust.trust = {.system = false, .ca_file = ca};
            trust.alpn = {"http/1.1"};
            client_.emplace(reactor, options, tls::Context::client(trust).value());
        }
    }

    Deferred<> play() {
        for (std::string line; std::getline(std::cin, line);) {
            Deferred<> doing = obey(line);
            const Result<> done = co_await std::move(doing).as_result();
            if (!done) say("error", done.error().text());
        }
    }

private:
    Deferred<> obey(const std::string& line) {
        std::istringstream words(line);
        const std::vector<std::string> all{std::istream_iterator<std::string>(words), {}};
        const std::string& command = all.at(0);
        if (command == "ask") return ask(all.at(1), all.at(2), all.size() > 3 ? std::optional(all[3]) : std::nullopt);
        if (command == "upload") return upload(all.at(1), std::stoul(all.at(2)));
        if (command == "ready") return ready(all.at(1), std::stoul(all.at(2)));
        if (command == "many") return many(std::stoi(all.at(1)), all.at(2));
        if (command == "hold") return hold(all.at(1), std::stol(all.at(2)));
        if (command == "pause") return sleep(reactor_, std::chrono::milliseconds(std::stol(all.at(1))));
        throw Error(Errc::invalid_argument, "no command: " + line);
    }

    ClientRequest make(std::string_view method, std::string_view url) const {
        ClientRequest request(method, url);
        if (!user_.empty()) request.login(user_, settings_.text("password"));
        return request;
    }

    static void show(const Answer& answer) {
        const std::string_view port = answer.fields.value("X-Port");
        std::string text = std::to_string(answer.status) + " " + std::to_string(answer.body.size()) + " ";
        text.append(port.empty() ? "-" : port).append(" ").append(answer.body.substr(0, answer.body.find('\n')));
        say("answer", text);
    }

    Deferred<> answered(ClientRequest request) {
        Deferred<Answer> asking = client_->fetch(std::move(request));
        const Answer answer = co_await std::move(asking);
        show(answer);
    }

    Deferred<> ask(const std::string& method, const std::string& url, std::optional<std::string> body) {
        ClientRequest request = make(method, url);
        if (body) request.body(std::move(*body), "text/plain");
        return answered(std::move(request));
    }

    // Says how much of it was taken, also when it ends early.
    Deferred<> upload(const std::string& url, std::size_t bytes) {
        ClientRequest request = make("POST", url);
        std::size_t written = 0;
        request.stream([&written, bytes](RequestWriter& out) -> Deferred<> {
            const std::string piece(10'000, 'x');
            while (written < bytes) {
                const std::string_view part = std::string_view(piece).substr(0, bytes - written);
                Deferred<> writing = out.write(part);
                co_await std::move(writing);
                written += part.size();
            }
        });
        Deferred<> asking = answered(std::move(request));
        const Result<> done = co_await std::move(asking).as_result();
        say("written", std::to_string(written));
        if (!done) throw done.error();
    }

    Deferred<> ready(const std::string& url, std::size_t bytes) {
        ClientRequest request = make("PUT", url);
        request.body(std::string(bytes, 'x'), "text/plain").expect_continue();
        return answered(std::move(request));
    }

    Deferred<> many(int number, const std::string& url) {
        std::vector<Deferred<>> all;
        for (int i = 0; i < number; ++i) {
            std::string one = url;
            if (const std::size_t mark = one.find("{}"); mark != one.npos) one.replace(mark, 2, std::to_string(i));
            all.push_back(answered(make("GET", one)));
        }
        return gather(std::move(all));
    }

    Deferred<> hold(const std::string& url, long milliseconds) {
        Deferred<ClientResponse> asking = client_->send(make("GET", url));
        ClientResponse response = co_await std::move(asking);
        say("head", std::to_string(response.status()));
        co_await sleep(reactor_, std::chrono::milliseconds(milliseconds));
        say("reading");
        std::size_t bytes = 0;
        for (;;) {
            const std::string piece = co_await response.read();
            if (piece.empty()) break;
            bytes += piece.size();
        }
        say("bytes", std::to_string(bytes));
    }

    Reactor& reactor_;
    const Settings settings_;
    const std::string user_;
    Told told_;
    CookieJar jar_;
    std::optional<Client> client_;
};

}  // namespace
}  // namespace bine::http

int main(int argc, char** argv) {
    return bine::react(argc, argv, [](bine::Reactor& reactor, bine::Args args) -> bine::Deferred<> {
        bine::http::Player player(reactor, args);
        bine::Deferred<> playing = player.play();
        co_await std::move(playing);
    });
}
