#include "bine/app/serve.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "bine/app/service.h"
#include "bine/app/settings.h"
#include "bine/app/site.h"
#include "bine/base/text.h"
#include "bine/http/server.h"
#include "bine/http/static_files.h"

namespace bine::app {

namespace {

class HttpService final : public Service {
public:
    HttpService(http::Handler handler, http::ServerOptions options, std::string what)
        : server_(std::move(handler), options), what_(std::move(what)) {}

    Factory factory() override { return server_.factory(); }
    void drain(Duration quiet) override { server_.drain(quiet); }
    std::size_t connections() const noexcept override { return server_.connections(); }
    std::string what() const override { return what_; }
    std::string_view scheme() const noexcept override { return "http"; }

private:
    http::Server server_;
    std::string what_;
};

std::string full_path(const std::string& folder) {
    const std::unique_ptr<char, decltype(&std::free)> resolved(::realpath(folder.c_str(), nullptr), &std::free);
    return resolved ? resolved.get() : folder;
}

std::string quoted(const std::string& path) { return "\"" + escape(path) + "\""; }

// Errors: throws Error that says what to do, when `folder` is none.
void require_folder(const std::string& folder) {
    struct stat about{};
    if (::stat(folder.c_str(), &about) != 0) {
        if (errno == ENOENT) {
            throw Error(Errc::not_found, "there is no folder " + quoted(folder) + " here (in " + full_path(".") +
                                             "); name one that exists, or none for the example site");
        }
        throw Error::from_errno(errno, "cannot serve " + quoted(folder));
    }
    if (!S_ISDIR(about.st_mode)) {
        throw Error(Errc::invalid_argument, quoted(folder) + " is not a folder; name the folder that it is in");
    }
}

std::unique_ptr<Service> make_service(const Settings& settings) {
    const http::ServerOptions options{.access_log = log::enabled(log::Level::info)};
    if (!settings.argument) {
        return std::make_unique<HttpService>(example_site(), options, "the example site");
    }
    require_folder(*settings.argument);
    http::Handler files = http::static_files(*settings.argument, {.listing = settings.listing});
    return std::make_unique<HttpService>(std::move(files), options, "the folder " + full_path(*settings.argument));
}

}  // namespace

ExitCode serve(const Settings& settings) {
    return run_service(settings, [&settings](Reactor&) { return make_service(settings); });
}

}  // namespace bine::app
