#include "bine/client/redirect.h"

#include "bine/base/text.h"

namespace bine::http {

namespace {

constexpr std::size_t kShownHops = 12;

bool redirects(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

Result<std::optional<Url>> redirect_target(const Url& from, int status, const AnswerFields& fields,
                                           bool allow_downgrade) {
    if (!redirects(status)) return std::nullopt;
    if (!fields.has("Location")) return std::nullopt;
    const std::string_view location = fields.value("Location");
    const std::string what = "the redirect of " + from.to_string() + " (" + std::to_string(status) + ")";
    bool agree = true;
    fields.for_each("Location", [&](std::string_view other) { agree = agree && other == location; });
    if (!agree) return fail(Errc::remote_protocol, what + " has more than one Location");
    Result<Url> to = from.resolve(location);
    if (!to) {
        return fail(Errc::remote_protocol, what + " leads to no URL of a host: " + escape(location.substr(0, 200)));
    }
    if (!to->is_http()) {
        return fail(Errc::unsupported, what + " leads to another scheme than http and https: " + to->to_string());
    }
    if (from.is_secure() && !to->is_secure() && !allow_downgrade) {
        return fail(Errc::unsupported, what + " leads from https to " + to->to_string() +
                                           ", which is followed only with ClientOptions::allow_downgrade");
    }
    return std::optional<Url>(std::move(*to));
}

Result<> check_chain(const History& history, std::size_t most, const Url& next) {
    if (history.size() <= most) return {};
    std::string text = "more than " + std::to_string(most) + " redirects:";
    for (std::size_t i = 0; i < history.size(); ++i) {
        if (i == kShownHops) text += " ... ->";
        if (i < kShownHops || i + 1 == history.size())
            text.append(" ").append(history[i].url.to_string()).append(" ->");
    }
    return fail(Errc::limit_exceeded, text + " " + next.to_string());
}

}  // namespace bine::http
