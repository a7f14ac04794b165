#include "bine/app/get.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

#include "bine/app/console.h"
#include "bine/app/destination.h"
#include "bine/app/get_error.h"
#include "bine/app/get_request.h"
#include "bine/app/progress.h"
#include "bine/app/reactor_choice.h"
#include "bine/app/settings.h"
#include "bine/base/log.h"
#include "bine/base/text.h"
#include "bine/client/client.h"
#include "bine/client/client_trace.h"
#include "bine/client/cookie_jar.h"
#include "bine/client/proxy_settings.h"
#include "bine/reactor/signal.h"
#include "bine/tls/context.h"

namespace bine::app {

namespace {

constexpr std::size_t kLooked = 1024;  // bytes of a body, to see whether it is text

// What ends the program with a code of its own, other than what comes out of the client.
struct Stop {
    ExitCode code;
    std::string text;  // empty: nothing is said
};

class Phase final : public http::ClientTrace {
public:
    GetPhase now() const noexcept { return phase_; }

    void reused(const http::Trip&) override { phase_ = GetPhase::asking; }
    void connecting(const http::Trip&) override { phase_ = GetPhase::connecting; }
    void connected(const http::Trip& trip, Duration) override {
        phase_ = trip.url.is_secure() ? GetPhase::securing : GetPhase::asking;
    }
    void secured(const http::Trip&, Duration) override { phase_ = GetPhase::asking; }

private:
    GetPhase phase_ = GetPhase::connecting;
};

bool is_text(std::string_view bytes) {
    return std::ranges::none_of(bytes.substr(0, kLooked), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 && std::string_view("\t\n\v\f\r\b\x1b").find(c) == std::string_view::npos;
    });
}

std::string head_of(const http::ClientResponse& response) {
    std::string text = "HTTP/1.1 " + std::to_string(response.status());
    if (!response.reason().empty()) (text += ' ') += response.reason();
    text += '\n';
    for (const http1::Header& field : response.fields()) {
        text.append(field.name).append(": ").append(field.value).append("\n");
    }
    return text += '\n';
}

// Of what comes over the wire, when that is what is written.
std::optional<uint64_t> length_of(const http::ClientResponse& response) {
    if (response.fields().has("Content-Encoding")) return std::nullopt;
    return try_parse_decimal(response.header("Content-Length"));
}

Result<tls::Context> make_context(const GetSettings& settings) {
    tls::ClientOptions options;
    options.alpn = {"http/1.1"};
    options.verify = !settings.insecure;
    if (!settings.authorities.empty()) options.trust = {.system = false, .ca_file = settings.authorities};
    if (!settings.certificate.empty()) {
        auto identity =
            tls::Identity::load(settings.certificate, settings.key.empty() ? settings.certificate : settings.key);
        if (!identity) return fail(identity.error());
        options.identity.push_back(std::move(*identity));
    }
    return tls::Context::client(options);
}

Result<http::ProxySettings> make_proxies(const GetSettings& settings) {
    if (!settings.proxy.empty()) {
        auto proxy = http::ProxyServer::parse(settings.proxy);
        if (!proxy) return fail(proxy.error());
        return http::ProxySettings(std::move(*proxy));
    }
    http::ProxySettings::Environment environment = [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
    };
    return http::ProxySettings::from_environment(environment);
}

// A jar in a file.
class CookieFile {
public:
    explicit CookieFile(std::string path) : path_(std::move(path)) {}

    http::CookieJar* jar() noexcept { return path_.empty() ? nullptr : &jar_; }

    Result<> load(WallTime now) {
        if (path_.empty() || ::access(path_.c_str(), F_OK) != 0) return {};
        std::ifstream file(path_, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        if (!file) return fail(Error::from_errno(errno, "read \"" + escape(path_) + "\""));
        const Result<> loaded = jar_.load(text, now);
        if (!loaded) return fail(loaded.error().with_context("\"" + escape(path_) + "\""));
        return {};
    }

    // For its owner only: cookies are as good as passwords.
    Result<> save(WallTime now) const {
        if (path_.empty()) return {};
        std::string made = path_ + ".XXXXXX";
        const Descriptor file(::mkstemp(made.data()));
        if (!file) return fail(Error::from_errno(errno, "write \"" + escape(path_) + "\""));
        if (write_all(file.get(), jar_.save(now)) && ::rename(made.c_str(), path_.c_str()) == 0) return {};
        const int number = errno;
        ::unlink(made.c_str());
        return fail(Error::from_errno(number, "write \"" + escape(path_) + "\""));
    }

private:
    const std::string path_;
    http::CookieJar jar_;
};

// One run, from the request to the end, on its reactor.
class Run {
public:
    Run(Reactor& reactor, const Settings& settings, Url url)
        : reactor_(reactor), settings_(settings.get), url_(std::move(url)), cookies_(settings_.cookie_jar) {}

    // Errors: what makes no request, and files that it is made of.
    Result<> make_request() {
        std::array<std::byte, kGetChance> chance{};
        reactor_.driver().random({reinterpret_cast<char*>(chance.data()), chance.size()});
        auto request = make_get_request(settings_, url_, chance);
        if (!request) return fail(request.error());
        request_ = std::move(*request);
        auto proxies = make_proxies(settings_);
        if (!proxies) return fail(proxies.error());
        proxies_ = std::move(*proxies);
        path_ = settings_.output;
        if (!settings_.remote_name) return {};
        auto name = remote_name(url_);
        if (!name) return fail(name.error());
        path_ = std::move(*name);
        return {};
    }

    // The other files, so that nothing is asked when its answer cannot be kept. Errors: one cannot be used.
    // From here on a signal leaves nothing behind.
    Result<> open_files() {
        interrupt_.emplace(reactor_, SIGINT, [this] { signalled(SIGINT); });
        terminate_.emplace(reactor_, SIGTERM, [this] { signalled(SIGTERM); });
        if (const Result<> loaded = cookies_.load(reactor_.wall_now()); !loaded) return loaded;
        if (const Result<> made = make_client(); !made) return made;
        return open_destination();
    }

    ExitCode operator()() {
        reactor_.call_from_thread([this] { running_ = watch(); });
        reactor_.run();
        running_ = Deferred<>();
        progress_.reset();
        keep_cookies();
        end_ = end_.value_or(Stop{ExitCode::ok, {}});
        std::string kept = destination_->give_up();
        if (end_->text.empty() && kept.empty()) return end_->code;
        std::string text = "bine get: " + end_->text;
        if (!kept.empty()) (text += end_->text.empty() ? "" : "; ") += kept;
        return complain(text, end_->code);
    }

private:
    Result<> open_destination() {
        if (!settings_.writes_file()) {
            destination_ = make_stream_destination(reactor_, STDOUT_FILENO);
            return {};
        }
        auto file = open_file_destination(reactor_, path_);
        if (!file) return fail(file.error());
        destination_ = std::move(*file);
        return {};
    }

    Result<> make_client() {
        http::ClientOptions options;
        options.connect_time = settings_.connect_time;
        options.total_time = settings_.total_time;
        options.limits.body = UINT64_MAX;
        // A range is one of the body as it is sent.
        options.decode = settings_.decode && !request_->fields().has("Range");
        options.unix_path = settings_.unix_path;
        options.proxies = &*proxies_;
        options.cookies = cookies_.jar();
        options.trace = &phase_;
        // Reading what the machine trusts takes longer than many an answer.
        if (!url_.is_secure() && !settings_.has_tls()) {
            client_.emplace(reactor_, options);
            return {};
        }
        const auto context = make_context(settings_);
        if (!context) return fail(context.error());
        client_.emplace(reactor_, options, *context);
        return {};
    }

    Deferred<> watch() {
        const Result<> ended = co_await fetch().as_result();
        if (!ended && !end_) {
            end_ = {exit_code_of_get_error(ended.error(), phase_.now()),
                    explain_get_error(ended.error(), phase_.now())};
        }
        reactor_.stop();
    }

    Deferred<> fetch() {
        Deferred<http::ClientResponse> asking = client_->send(std::move(*request_));
        http::ClientResponse response = co_await std::move(asking);
        if (settings_.fails() && response.status() >= 400) {
            refuse(response);
            co_return;
        }
        if (settings_.include || settings_.head) {
            Deferred<> shown = show_head(response);
            co_await std::move(shown);
        }
        if (!end_) {
            Deferred<> copied = copy(response);
            co_await std::move(copied);
        }
        if (end_) co_return;
        if (const Result<> finished = destination_->finish(); !finished) stop(finished.error());
    }

    void refuse(const http::ClientResponse& response) {
        std::string text = response.url().to_string() + " was answered with " + std::to_string(response.status());
        if (!response.reason().empty()) (text += ' ') += escape(response.reason());
        end_ = {response.status() < 500 ? ExitCode::refused : ExitCode::server_error, std::move(text)};
    }

    // Not into the file of the body, unless the head is all that was asked for.
    Deferred<> show_head(const http::ClientResponse& response) {
        if (settings_.head || !settings_.writes_file()) return write(head_of(response));
        head_destination_ = make_stream_destination(reactor_, STDOUT_FILENO);
        return write_to(*head_destination_, head_of(response));
    }

    Deferred<> copy(http::ClientResponse& response) {
        begin_progress(length_of(response));
        for (bool first = true;; first = false) {
            std::string piece = co_await response.read();
            if (piece.empty()) co_return;
            if (first && spoils_terminal(piece)) {
                end_ = {ExitCode::failure,
                        "the body is not text and would spoil the terminal; -o FILE or -O writes it to a file, -o - "
                        "shows it all the same"};
                co_return;
            }
            if (progress_) progress_->add(piece.size());
            Deferred<> written = write(std::move(piece));
            co_await std::move(written);
            if (end_) co_return;
        }
    }

    bool spoils_terminal(std::string_view piece) const {
        return settings_.output.empty() && !settings_.remote_name && ::isatty(STDOUT_FILENO) == 1 && !is_text(piece);
    }

    void begin_progress(std::optional<uint64_t> length) {
        const bool free = settings_.writes_file() || ::isatty(STDOUT_FILENO) != 1;
        if (!settings_.progress || !free || ::isatty(STDERR_FILENO) != 1) return;
        progress_.emplace(reactor_, STDERR_FILENO, path_.substr(path_.rfind('/') + 1), length);
    }

    Deferred<> write(std::string bytes) { return write_to(*destination_, std::move(bytes)); }

    Deferred<> write_to(Destination& destination, std::string bytes) {
        Deferred<> writing = destination.write(std::move(bytes));
        const Result<> written = co_await std::move(writing).as_result();
        if (!written) stop(written.error());
    }

    // What went wrong on this machine. Whoever closed the pipe has read enough.
    void stop(const Error& error) { end_ = {ExitCode::failure, error.is_errno(EPIPE) ? std::string() : error.text()}; }

    void signalled(int number) {
        if (!end_) end_ = {number == SIGINT ? ExitCode::interrupted : ExitCode::terminated, "interrupted"};
        running_ = Deferred<>();
        reactor_.stop();
    }

    void keep_cookies() {
        const Result<> saved = cookies_.save(reactor_.wall_now());
        if (!saved && (!end_ || end_->code == ExitCode::ok)) stop(saved.error());
    }

    Reactor& reactor_;
    const GetSettings& settings_;
    const Url url_;
    CookieFile cookies_;
    Phase phase_;
    std::optional<http::ProxySettings> proxies_;
    std::unique_ptr<Destination> destination_;
    std::unique_ptr<Destination> head_destination_;
    std::string path_;  // of the file that the body goes to
    std::optional<http::ClientRequest> request_;
    std::optional<http::Client> client_;
    std::optional<Progress> progress_;
    std::optional<SignalWatch> interrupt_;
    std::optional<SignalWatch> terminate_;
    std::optional<Stop> end_;
    Deferred<> running_;
};

ExitCode refusal_code(const Error& error) {
    return error.is(Errc::invalid_argument) || error.is(Errc::local_protocol) ? ExitCode::usage : ExitCode::failure;
}

ExitCode run(const Settings& settings) {
    const auto url = parse_get_url(*settings.argument);
    if (!url) return complain("bine get: " + url.error().text(), ExitCode::usage);
    const auto reactor = make_reactor(settings);
    Run run(*reactor, settings, *url);
    if (const Result<> made = run.make_request(); !made) {
        return complain("bine get: " + made.error().text(), refusal_code(made.error()));
    }
    if (const Result<> opened = run.open_files(); !opened) {
        return complain("bine get: " + opened.error().text(), ExitCode::failure);
    }
    const ExitCode code = run();
    // The system's look-up of a name cannot be given up, and the reactor would wait for its thread.
    if (code != ExitCode::ok) ::_exit(static_cast<int>(code));
    return code;
}

}  // namespace

ExitCode get(const Settings& settings) {
    LogWriter log(STDERR_FILENO, choose_log_style(LogFormat::text, STDERR_FILENO));
    const LogRedirection redirection(log);
    log::set_level(settings.log_level);
    return run(settings);
}

}  // namespace bine::app
