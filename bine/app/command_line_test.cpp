#include "bine/app/command_line.h"

#include <doctest/doctest.h>

#include <chrono>
#include <utility>
#include <vector>

namespace bine::app {
namespace {

using namespace std::chrono_literals;
using Variables = std::vector<std::pair<std::string_view, const char*>>;

Result<Settings> parse(std::vector<const char*> arguments, Variables variables = {}) {
    return parse_command_line(arguments, [&](std::string_view name) -> const char* {
        for (const auto& [key, value] : variables) {
            if (key == name) return value;
        }
        return nullptr;
    });
}

std::string refusal(std::vector<const char*> arguments, Variables variables = {}) {
    const auto settings = parse(std::move(arguments), std::move(variables));
    if (settings) return "no error";
    CHECK(settings.error().is(Errc::invalid_argument));
    return settings.error().text();
}

TEST_CASE("no argument asks for the welcome screen") {
    const auto settings = parse({});
    REQUIRE(settings);
    CHECK(settings->command == nullptr);
}

TEST_CASE("serve has defaults that only this machine can reach") {
    const auto settings = parse({"serve"});
    REQUIRE(settings);
    CHECK(settings->command->name == "serve");
    CHECK_FALSE(settings->argument);
    CHECK(settings->listen == std::vector<std::string>{"tcp:8080:interface=127.0.0.1"});
    CHECK_FALSE(settings->quiet);
    CHECK(settings->listing);
    CHECK(settings->grace == 10s);
    CHECK(settings->log_format == LogFormat::automatic);
    CHECK(settings->log_level == log::Level::info);
    CHECK(settings->reactor == DriverKind::automatic);
}

TEST_CASE("every flag is understood, in any order, short and long") {
    const auto settings = parse({"serve", "--grace", "0.5", "-l", "tcp:1", "site", "--listen=unix:/x", "-q",
                                 "--no-listing", "--log-format", "json", "--log-level=debug", "--reactor", "epoll"});
    REQUIRE(settings);
    CHECK(settings->argument == "site");
    CHECK(settings->listen == std::vector<std::string>{"tcp:1", "unix:/x"});
    CHECK(settings->quiet);
    CHECK_FALSE(settings->listing);
    CHECK(settings->grace == 500ms);
    CHECK(settings->log_format == LogFormat::json);
    CHECK(settings->log_level == log::Level::debug);
    CHECK(settings->reactor == DriverKind::epoll);
    CHECK(settings->reactor_reason == "asked for by --reactor");
}

TEST_CASE("every flag is a variable too") {
    const auto settings = parse({"serve"}, {{"BINE_LISTEN", " tcp:1  unix:/x "},
                                            {"BINE_QUIET", "yes"},
                                            {"BINE_NO_LISTING", "1"},
                                            {"BINE_GRACE", "3"},
                                            {"BINE_LOG_FORMAT", "text"},
                                            {"BINE_LOG_LEVEL", "error"},
                                            {"BINE_REACTOR", "epoll"}});
    REQUIRE(settings);
    CHECK(settings->listen == std::vector<std::string>{"tcp:1", "unix:/x"});
    CHECK(settings->quiet);
    CHECK_FALSE(settings->listing);
    CHECK(settings->grace == 3s);
    CHECK(settings->log_format == LogFormat::text);
    CHECK(settings->log_level == log::Level::error);
    CHECK(settings->reactor_reason == "asked for by BINE_REACTOR");
}

TEST_CASE("a flag outranks its variable, and an empty variable is none") {
    const auto settings =
        parse({"serve", "--listen", "tcp:2", "--quiet=no", "--grace", "1"},
              {{"BINE_LISTEN", "tcp:1"}, {"BINE_QUIET", "1"}, {"BINE_GRACE", "x"}, {"BINE_LOG_LEVEL", ""}});
    REQUIRE(settings);
    CHECK(settings->listen == std::vector<std::string>{"tcp:2"});
    CHECK_FALSE(settings->quiet);
    CHECK(settings->grace == 1s);
    CHECK(settings->log_level == log::Level::info);
}

TEST_CASE("a value that makes no sense is answered with its source and what would do") {
    CHECK(refusal({"serve", "--grace", "soon"}) ==
          "bine serve: --grace is \"soon\"; expected a number of seconds, 0 to 86400");
    CHECK(refusal({"serve", "--grace=-1"}) ==
          "bine serve: --grace is \"-1\"; expected a number of seconds, 0 to 86400");
    CHECK(refusal({"serve", "--grace", "nan"}) ==
          "bine serve: --grace is \"nan\"; expected a number of seconds, 0 to 86400");
    CHECK(refusal({"echo"}, {{"BINE_LOG_FORMAT", "xml"}}) ==
          "bine echo: BINE_LOG_FORMAT is \"xml\"; expected auto, text or json");
    CHECK(refusal({"echo"}, {{"BINE_QUIET", "maybe"}}) == "bine echo: BINE_QUIET is \"maybe\"; expected yes or no");
    CHECK(refusal({"env", "--reactor", "kqueue"}) ==
          "bine env: --reactor is \"kqueue\"; expected auto, epoll or uring");
    CHECK(refusal({"serve", "--log-level", "loud"}) ==
          "bine serve: --log-level is \"loud\"; expected debug, info, warning or error");
    CHECK(refusal({"serve", "--listen", "8080"}) ==
          "bine serve: --listen is \"8080\"; expected an endpoint such as tcp:8080");
    CHECK(refusal({"serve", "--listen", "tcp:[::1"}).starts_with("bine serve: --listen: "));
}

TEST_CASE("a slip of the pen is answered with what may have been meant") {
    CHECK(refusal({"serv"}) == "bine: there is no command \"serv\"; did you mean \"serve\"?");
    CHECK(refusal({"serve", "--lisen", "tcp:1"}) ==
          "bine serve: there is no option \"--lisen\"; did you mean \"--listen\"?");
    CHECK(refusal({"frobnicate"}) == "bine: there is no command \"frobnicate\"; `bine` shows what there is");
    CHECK(refusal({"echo", "--frobnicate"}) ==
          "bine echo: there is no option \"--frobnicate\"; `bine help echo` lists them");
}

TEST_CASE("an argument too many, or a value too few, is an error of that command") {
    CHECK(refusal({"serve", "a", "b"}) == "bine serve: \"b\" is one argument too many");
    CHECK(refusal({"version", "a"}) == "bine version: \"a\" is one argument too many");
    CHECK(refusal({"serve", "--grace"}).starts_with("bine serve: --grace"));
}

TEST_CASE("help is asked for in front of a command, behind it, or by itself") {
    for (const auto& arguments :
         std::vector<std::vector<const char*>>{{"serve", "--help"}, {"serve", "-h", "--grace", "1"}}) {
        const auto settings = parse(arguments);
        REQUIRE(settings);
        CHECK(settings->help);
        CHECK(settings->command->name == "serve");
    }
    for (const char* word : {"help", "--help", "-h"}) CHECK(parse({word}).value().command->name == "help");
    CHECK(parse({"help", "echo"}).value().argument == "echo");
    CHECK(parse({"--version"}).value().command->name == "version");
}

TEST_CASE("get has defaults that do no harm") {
    const auto settings = parse({"get", "example.org"});
    REQUIRE(settings);
    CHECK(settings->argument == "example.org");
    CHECK(settings->get.follow);
    CHECK(settings->get.decode);
    CHECK_FALSE(settings->get.insecure);
    CHECK_FALSE(settings->get.fails());
    CHECK(settings->get.connect_time == 30s);
    CHECK(settings->get.total_time == 0s);
    CHECK(parse({"get", "x", "-o", "file"})->get.fails());
    CHECK_FALSE(parse({"get", "x", "-o", "-"})->get.fails());
    CHECK_FALSE(parse({"get", "x", "-O", "--fail=no"})->get.fails());
}

TEST_CASE("values of get are taken as they stand, brackets, blanks and dashes included") {
    const auto settings =
        parse({"get", "-d", "[1,2]", "-d", "-", "-d", "--x", "-d", "", "-d", "a b", "x", "-H", "A: [b]"});
    REQUIRE(settings);
    CHECK(settings->get.data == std::vector<std::string>{"[1,2]", "-", "--x", "", "a b"});
    CHECK(settings->get.headers == std::vector<std::string>{"A: [b]"});
    CHECK(parse({"get", "x", "--json", "{\"a\": [1, 2]}"})->get.json == std::vector<std::string>{"{\"a\": [1, 2]}"});
}

TEST_CASE("get refuses what contradicts itself, and repeats no password") {
    CHECK(refusal({"get"}) == "bine get: a URL is missing, such as http://127.0.0.1:8080/");
    CHECK(refusal({"get", "x", "-o", "a", "-O"}) ==
          "bine get: --output and --remote-name do not go together; leave one of them out");
    CHECK(refusal({"get", "x", "-u", "ann"}).find("ann") == std::string::npos);
    CHECK(refusal({"get", "x", "-x", "gopher://p"}).starts_with("bine get: --proxy: "));
    CHECK(refusal({"get", "x", "-k", "--cacert", "f"}).find("--insecure and --cacert") != std::string::npos);
}

TEST_CASE("a folder whose name looks like an option is named behind --") {
    CHECK(refusal({"serve", "--", "--odd"}) == "no error");
    CHECK(parse({"serve", "--", "--odd"})->argument == "--odd");
}

}  // namespace
}  // namespace bine::app
