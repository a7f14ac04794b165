#include "bine/app/secure.h"

#include "bine/app/settings.h"
#include "bine/base/log.h"

namespace bine::app {

namespace {

constexpr int kDays = 30;

Result<> add_made_identity(tls::ServerOptions& options, WallTime now) {
    auto identity = tls::Identity::self_signed({"localhost", "127.0.0.1", "::1"}, now, kDays);
    if (!identity) return fail(identity.error());
    log::warning(
        "tls", "no certificate was given: made one for localhost that nobody trusts yet; for development only",
        {{"days", kDays}, {"sha256", identity->certificate().sha256()}, {"pin", identity->certificate().pin()}});
    options.identities.push_back(std::move(*identity));
    return {};
}

}  // namespace

Result<std::optional<tls::Context>> secure_context(const Settings& settings, WallTime now) {
    if (!settings.tls) return std::nullopt;
    tls::ServerOptions options;
    options.alpn = {"http/1.1"};
    for (std::size_t i = 0; i < settings.certificates.size(); ++i) {
        options.files.push_back(
            {settings.certificates[i], settings.keys.empty() ? settings.certificates[i] : settings.keys[i]});
    }
    if (options.files.empty()) {
        if (auto made = add_made_identity(options, now); !made) return fail(made.error());
    }
    auto context = tls::Context::server(options);
    if (!context) return fail(context.error());
    return std::optional<tls::Context>(std::move(*context));
}

}  // namespace bine::app
