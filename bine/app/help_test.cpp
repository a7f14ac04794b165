#include "bine/app/help.h"

#include <doctest/doctest.h>

#include "bine/base/version.h"

namespace bine::app {
namespace {

bool has(const std::string& page, std::string_view text) { return page.find(text) != page.npos; }

TEST_CASE("the welcome screen names the version and every command") {
    const std::string screen = welcome_screen(false);
    CHECK(has(screen, version()));
    for (const Command& command : commands()) {
        CAPTURE(command.name);
        CHECK(has(screen, "bine " + std::string(command.name)));
        CHECK(has(screen, command.summary));
    }
    CHECK(has(screen, "http://127.0.0.1:8080/"));
}

TEST_CASE("a help page shows each option with its variable and default") {
    for (const Command& command : commands()) {
        const std::string page = help_page(command, false);
        CAPTURE(page);
        for (const Option* option : command.options) {
            CHECK(has(page, option->name()));
            if (!option->variable.empty()) CHECK(has(page, "[" + std::string(option->variable)));
        }
        if (command.serves()) CHECK(has(page, "default " + std::string(command.endpoint)));
    }
    CHECK(has(help_page(*find_command("serve"), false), "[BINE_GRACE, default 10]"));
}

TEST_CASE("pages fit a terminal of eighty columns, and colour is only there when asked for") {
    for (const Command& command : commands()) {
        const std::string page = help_page(command, false);
        CHECK_FALSE(has(page, "\x1b"));
        CHECK(has(help_page(command, true), "\x1b[1m"));
        for (std::size_t start = 0; start < page.size();) {
            const std::size_t end = page.find('\n', start);
            CAPTURE(page.substr(start, end - start));
            CHECK(end - start <= 100);
            start = end + 1;
        }
    }
    CHECK_FALSE(has(welcome_screen(false), "\x1b"));
}

}  // namespace
}  // namespace bine::app
