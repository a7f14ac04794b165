// What the user asked `bine get` for.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bine/app/given.h"

namespace bine::app {

struct Option;

struct GetSettings {
    std::string method;                // empty: GET, or what a body or --head makes of it
    std::vector<std::string> headers;  // "Name: value"
    std::vector<std::string> data;     // text, "@file" or "-", to be joined with '&'
    std::vector<std::string> json;     // at most one of these
    std::vector<std::string> form;     // "name=value", "name=@file;type=...;filename=...", "name=<file"
    bool follow = true;

    std::string output;        // a file; "-": standard output, whatever it is; empty: standard output
    bool remote_name = false;  // the file is named as the URL's path ends
    bool include = false;
    bool head = false;
    std::optional<bool> fail;  // nothing: when the body goes to a file
    bool progress = true;

    std::string user;    // "name:password", or "@file"
    std::string bearer;  // a token, or "@file"
    std::string cookie_jar;
    std::string proxy;
    std::string unix_path;
    bool insecure = false;
    std::string authorities;
    std::string certificate;
    std::string key;
    Duration connect_time = std::chrono::seconds(30);
    Duration total_time{};  // 0: no limit
    bool decode = true;

    bool has_body() const noexcept { return !data.empty() || !json.empty() || !form.empty(); }
    // Something is said about certificates.
    bool has_tls() const noexcept { return insecure || !authorities.empty() || !certificate.empty(); }
    bool writes_file() const noexcept { return remote_name || (!output.empty() && output != "-"); }
    bool fails() const noexcept { return fail.value_or(writes_file()); }
};

// Stores what was given for an option of `get`. Errors: invalid_argument.
Result<> apply(GetSettings& settings, const Option& option, const Given& given);

// Errors: invalid_argument, where options contradict each other.
Result<> check(const GetSettings& settings);

}  // namespace bine::app
