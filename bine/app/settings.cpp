#include "bine/app/settings.h"

#include "bine/app/processors.h"
#include "bine/base/text.h"
#include "bine/driver/drivers.h"
#include "bine/endpoints/endpoint_string.h"

namespace bine::app {

namespace {

constexpr uint64_t kMostWorkers = 1024;

Result<> apply_listen(Settings& settings, const Given& given) {
    for (const std::string& endpoint : given.values) {
        if (try_parse_decimal(endpoint)) return refuse(given, endpoint, "an endpoint such as tcp:8080");
        const auto parsed = parse_endpoint(endpoint);
        if (!parsed) return fail(parsed.error().with_context(given.source));
    }
    settings.listen = given.values;
    return {};
}

Result<> apply_workers(Settings& settings, const Given& given) {
    const std::string& value = given.values.back();
    const auto count = value == "auto" ? usable_processors().count : try_parse_decimal(value, kMostWorkers).value_or(0);
    if (count == 0) return refuse(given, value, "a number from 1 to " + std::to_string(kMostWorkers) + ", or auto");
    settings.workers = count;
    return {};
}

Result<> apply_grace(Settings& settings, const Given& given) {
    const Result<Duration> grace = to_seconds(given);
    if (!grace) return fail(grace.error());
    settings.grace = *grace;
    return {};
}

Result<> apply_log_format(Settings& settings, const Given& given) {
    const std::string& value = given.values.back();
    if (value == "auto") {
        settings.log_format = LogFormat::automatic;
    } else if (value == "text") {
        settings.log_format = LogFormat::text;
    } else if (value == "json") {
        settings.log_format = LogFormat::json;
    } else {
        return refuse(given, value, "auto, text or json");
    }
    return {};
}

Result<> apply_log_level(Settings& settings, const Given& given) {
    using log::Level;
    for (const Level level : {Level::debug, Level::info, Level::warning, Level::error}) {
        if (given.values.back() != log::name(level)) continue;
        settings.log_level = level;
        return {};
    }
    return refuse(given, given.values.back(), "debug, info, warning or error");
}

Result<> apply_reactor(Settings& settings, const Given& given) {
    const auto kind = try_driver_kind(given.values.back());
    if (!kind) return refuse(given, given.values.back(), "auto, epoll or uring");
    settings.reactor = *kind;
    settings.reactor_reason = "asked for by " + std::string(given.source);
    return {};
}

Result<> apply_switch(bool& setting, bool meaning, const Given& given) {
    const Result<bool> value = to_switch(given);
    if (!value) return fail(value.error());
    setting = *value ? meaning : !meaning;
    return {};
}

std::vector<std::string> split_words(std::string_view text) {
    std::vector<std::string> words;
    while (true) {
        const std::size_t start = text.find_first_not_of(" \t\n");
        if (start == text.npos) return words;
        const std::size_t end = std::min(text.find_first_of(" \t\n", start), text.size());
        words.emplace_back(text.substr(start, end - start));
        text.remove_prefix(end);
    }
}

}  // namespace

Given choose_source(const Option& option, std::vector<std::string> flags, Environment& environment) {
    if (!flags.empty()) return {option.name(), std::move(flags)};
    Given given{option.variable, {}};
    if (option.variable.empty()) return given;
    const char* value = environment(option.variable);
    if (!value || !*value) return given;
    if (option.id == OptionId::listen || option.id == OptionId::certificate || option.id == OptionId::key) {
        given.values = split_words(value);
    } else {
        given.values.emplace_back(value);
    }
    return given;
}

Result<> apply(Settings& settings, const Option& option, const Given& given) {
    if (given.values.empty()) return {};
    switch (option.id) {
        case OptionId::listen: return apply_listen(settings, given);
        case OptionId::tls: return apply_switch(settings.tls, true, given);
        case OptionId::certificate:
            settings.certificates = given.values;
            settings.tls = true;
            return {};
        case OptionId::key: settings.keys = given.values; return {};
        case OptionId::quiet: return apply_switch(settings.quiet, true, given);
        case OptionId::no_listing: return apply_switch(settings.listing, false, given);
        case OptionId::workers: return apply_workers(settings, given);
        case OptionId::grace: return apply_grace(settings, given);
        case OptionId::log_format: return apply_log_format(settings, given);
        case OptionId::log_level: return apply_log_level(settings, given);
        case OptionId::reactor: return apply_reactor(settings, given);
        default: return apply(settings.get, option, given);
    }
}

}  // namespace bine::app
