#include "bine/app/get_settings.h"

#include "bine/app/command.h"
#include "bine/client/proxy_settings.h"

namespace bine::app {

namespace {

Result<> apply_switch(bool& setting, const Given& given) {
    const Result<bool> value = to_switch(given);
    if (!value) return fail(value.error());
    setting = *value;
    return {};
}

Result<> apply_fail(GetSettings& settings, const Given& given) {
    bool fails = false;
    if (const Result<> applied = apply_switch(fails, given); !applied) return fail(applied.error());
    settings.fail = fails;
    return {};
}

Result<> apply_no_progress(GetSettings& settings, const Given& given) {
    bool silent = false;
    if (const Result<> applied = apply_switch(silent, given); !applied) return fail(applied.error());
    settings.progress = !silent;
    return {};
}

Result<> apply_seconds(Duration& setting, const Given& given) {
    const Result<Duration> value = to_seconds(given);
    if (!value) return fail(value.error());
    setting = *value;
    return {};
}

Result<> apply_text(std::string& setting, const Given& given, std::string_view expected) {
    if (given.values.back().empty()) return refuse(given, "", expected);
    setting = given.values.back();
    return {};
}

Result<> apply_method(GetSettings& settings, const Given& given) {
    if (given.values.back() == "CONNECT") return refuse(given, "CONNECT", "a method that gets an answer, such as PUT");
    return apply_text(settings.method, given, "a method such as PUT");
}

Result<> apply_headers(GetSettings& settings, const Given& given) {
    for (const std::string& header : given.values) {
        const std::size_t colon = header.find(':');
        if (colon == 0 || colon == header.npos) return refuse(given, header, "\"Name: value\"");
    }
    settings.headers = given.values;
    return {};
}

Result<> apply_form(GetSettings& settings, const Given& given) {
    for (const std::string& field : given.values) {
        const std::size_t sign = field.find('=');
        if (sign == 0 || sign == field.npos) return refuse(given, field, "name=value, name=@file or name=<file");
    }
    settings.form = given.values;
    return {};
}

Result<> apply_user(GetSettings& settings, const Given& given) {
    const std::string& user = given.values.back();
    if (!user.starts_with('@') && user.find(':') == user.npos) {
        return fail(Errc::invalid_argument, std::string(given.source) +
                                                " has no colon; expected NAME:PASSWORD, or @FILE that holds them, so "
                                                "that nobody sees them in the list of processes");
    }
    settings.user = user;
    return {};
}

Result<> apply_proxy(GetSettings& settings, const Given& given) {
    const auto proxy = http::ProxyServer::parse(given.values.back());
    if (!proxy) return fail(Errc::invalid_argument, std::string(given.source) + ": " + proxy.error().text());
    settings.proxy = given.values.back();
    return {};
}

Result<> exclusive(bool one, std::string_view first, bool other, std::string_view second) {
    if (!one || !other) return {};
    return fail(Errc::invalid_argument,
                std::string(first) + " and " + std::string(second) + " do not go together; leave one of them out");
}

}  // namespace

Result<> apply(GetSettings& settings, const Option& option, const Given& given) {
    switch (option.id) {
        case OptionId::method: return apply_method(settings, given);
        case OptionId::header: return apply_headers(settings, given);
        case OptionId::data: settings.data = given.values; return {};
        case OptionId::json: settings.json = given.values; return {};
        case OptionId::form: return apply_form(settings, given);
        case OptionId::follow: return apply_switch(settings.follow, given);
        case OptionId::output: return apply_text(settings.output, given, "a file, or - for standard output");
        case OptionId::remote_name: return apply_switch(settings.remote_name, given);
        case OptionId::include: return apply_switch(settings.include, given);
        case OptionId::head: return apply_switch(settings.head, given);
        case OptionId::fail: return apply_fail(settings, given);
        case OptionId::user: return apply_user(settings, given);
        case OptionId::bearer: return apply_text(settings.bearer, given, "a token, or @FILE that holds it");
        case OptionId::cookie_jar: return apply_text(settings.cookie_jar, given, "a file");
        case OptionId::proxy: return apply_proxy(settings, given);
        case OptionId::unix_path: return apply_text(settings.unix_path, given, "the path of a socket");
        case OptionId::insecure: return apply_switch(settings.insecure, given);
        case OptionId::authorities: return apply_text(settings.authorities, given, "a file");
        case OptionId::client_certificate: return apply_text(settings.certificate, given, "a file");
        case OptionId::client_key: return apply_text(settings.key, given, "a file");
        case OptionId::connect_timeout: return apply_seconds(settings.connect_time, given);
        case OptionId::timeout: return apply_seconds(settings.total_time, given);
        case OptionId::compressed: return apply_switch(settings.decode, given);
        case OptionId::no_progress: return apply_no_progress(settings, given);
        default: return fail(Errc::broken, "no option of bine get: " + std::string(option.name()));
    }
}

Result<> check(const GetSettings& settings) {
    const Result<> pairs[] = {
        exclusive(!settings.data.empty(), "--data", !settings.json.empty(), "--json"),
        exclusive(!settings.data.empty(), "--data", !settings.form.empty(), "--form"),
        exclusive(!settings.json.empty(), "--json", !settings.form.empty(), "--form"),
        exclusive(settings.json.size() > 1, "--json", settings.json.size() > 1, "another --json"),
        exclusive(settings.head, "--head", settings.has_body(), "a body (--data, --json, --form)"),
        exclusive(settings.head, "--head", !settings.method.empty(), "--method"),
        exclusive(!settings.output.empty(), "--output", settings.remote_name, "--remote-name"),
        exclusive(!settings.user.empty(), "--user", !settings.bearer.empty(), "--bearer"),
        exclusive(!settings.proxy.empty(), "--proxy", !settings.unix_path.empty(), "--unix"),
        exclusive(settings.insecure, "--insecure", !settings.authorities.empty(), "--cacert"),
    };
    for (const Result<>& pair : pairs) {
        if (!pair) return pair;
    }
    if (!settings.key.empty() && settings.certificate.empty()) {
        return fail(Errc::invalid_argument, "--key is given without --cert; name the certificate that it belongs to");
    }
    return {};
}

}  // namespace bine::app
