#include "bine/app/given.h"

#include <charconv>

#include "bine/base/text.h"

namespace bine::app {

namespace {

constexpr double kLongest = 86400;

}  // namespace

std::unexpected<Error> refuse(const Given& given, std::string_view value, std::string_view expected) {
    std::string text(given.source);
    ((text += " is \"") += escape(value)) += "\"; expected ";
    text += expected;
    return fail(Errc::invalid_argument, text);
}

Result<bool> to_switch(const Given& given) {
    const std::string value = to_lower(given.values.back());
    for (const std::string_view yes : {"1", "true", "yes", "on"}) {
        if (value == yes) return true;
    }
    for (const std::string_view no : {"0", "false", "no", "off"}) {
        if (value == no) return false;
    }
    return refuse(given, given.values.back(), "yes or no");
}

Result<Duration> to_seconds(const Given& given) {
    const std::string& value = given.values.back();
    double seconds = -1;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    const bool whole = error == std::errc() && end == value.data() + value.size();
    if (!whole || !(seconds >= 0 && seconds <= kLongest)) {
        return refuse(given, value, "a number of seconds, 0 to 86400");
    }
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

}  // namespace bine::app
