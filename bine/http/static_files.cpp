#include "bine/http/static_files.h"

#include <cerrno>
#include <optional>
#include <system_error>

#include "bine/base/log.h"
#include "bine/http/conditional.h"
#include "bine/http/file_lookup.h"
#include "bine/reactor/thread.h"
#include "bine/wire/http1/target.h"

namespace bine::http {

namespace {

constexpr std::string_view kMethods = "GET, HEAD, OPTIONS";

// What is asked for beneath the folder, without the '/' in front; "/" for the folder itself without its '/'. Nothing when no
// file can be meant. The text is `request`'s or `decoded`.
std::optional<std::string_view> path_beneath(const Request& request, bool hidden, std::string& decoded) {
    std::string_view path = request.path();
    if (path.empty()) return std::nullopt;
    if (const std::string_view mounted = request.param(""); mounted.data() != nullptr) {
        if (mounted.empty()) return "/";
        path = mounted;
        if (path.find('%') != std::string_view::npos) {
            if (!http1::append_percent_decoded(path, decoded)) return std::nullopt;
            path = decoded;
        }
    }
    path.remove_prefix(1);
    if (!is_servable_path(path, hidden)) return std::nullopt;
    return path;
}

// A relative reference, so that it is right behind any prefix and can name no other host.
Response to_folder(const Request& request) {
    const std::string_view path = request.path();
    std::string location = "./" + http1::percent_encode(path.substr(path.rfind('/') + 1)) + "/";
    if (!request.query().empty()) location.append("?").append(request.query());
    return Response::redirect(location, 301);
}

Output content_of(const ServedFile& file, uint64_t offset, uint64_t length) {
    Output body;
    if (file.file) {
        body.append(Output::FileRange{file.file, offset, length});
    } else if (length == file.size) {
        body.append(file.content);
    } else {
        body.append(file.content.view().substr(offset, length));
    }
    return body;
}

class StaticFiles final : public Counted {
public:
    StaticFiles(std::string_view folder, const StaticFilesOptions& options)
        : tree_(new FileTree(std::string(folder))),
          cache_control_(options.cache_control),
          cache_(options.cache_bytes, options.cache_trust) {
        tree_->index = options.index;
        tree_->listing = options.listing;
        tree_->hidden = options.hidden;
        tree_->precompressed = options.precompressed;
    }

    // Nothing when the disk must be asked.
    std::optional<Response> answer_at_once(Request& request) {
        if (request.method() != Method::get && !request.is_head()) return answer_other_method(request);
        std::string decoded;
        const std::optional<std::string_view> path = path_beneath(request, tree_->hidden, decoded);
        if (!path) return Response::error(404);
        if (path == "/") return to_folder(request);
        FileCache::Found found = cache_.find(*path, encodings_for(request), request.reactor().now());
        if (!found.is_fresh) return std::nullopt;
        return answer_with(request, *found.file);
    }

    Deferred<Response> answer(Request& request) {
        if (std::optional<Response> now = answer_at_once(request)) return ready(std::move(*now));
        std::string decoded;
        const std::string_view path = path_beneath(request, tree_->hidden, decoded).value();
        const uint8_t encodings = encodings_for(request);
        const TimePoint at = request.reactor().now();
        FileCache::Found found = cache_.find(path, encodings, at);
        cache_.trust_again(path, encodings, at);  // one look is enough for all that come meanwhile
        return look_and_answer(request, std::string(path), encodings, std::move(found.file));
    }

private:
    uint8_t encodings_for(const Request& request) const {
        return tree_->precompressed ? encodings_of(request.header("Accept-Encoding")) : uint8_t{0};
    }

    Deferred<Response> look_and_answer(Request& request, std::string path, uint8_t encodings,
                                       Ref<const ServedFile> known) {
        FileQuestion question;
        question.path = path;
        question.encodings = encodings;
        question.order = listing_order_of(request.query());
        question.now = request.reactor().wall_now();
        question.known = std::move(known);
        auto look = [tree = tree_, question = std::move(question)] { return look_up(*tree, question); };
        FileAnswer answer = co_await defer_to_thread(request.reactor(), std::move(look));
        if (answer.kind == FileAnswer::Kind::file) {
            cache_.put(path, encodings, answer.file, request.reactor().now());
        } else {
            cache_.forget(path, encodings);
        }
        co_return answer_to(request, std::move(answer));
    }

    Response answer_to(const Request& request, FileAnswer answer) {
        switch (answer.kind) {
            case FileAnswer::Kind::file: return answer_with(request, *answer.file);
            case FileAnswer::Kind::listing: return answer_with_listing(std::move(answer.page));
            case FileAnswer::Kind::folder: return to_folder(request);
            case FileAnswer::Kind::absent: return Response::error(404);
            case FileAnswer::Kind::forbidden: return Response::error(403);
            case FileAnswer::Kind::failed: return answer_failure(request, answer.error);
        }
        return Response::error(500);
    }

    Response answer_with(const Request& request, const ServedFile& file) const {
        const Validators validators{.etag = file.etag, .modified = file.modified};
        if (std::optional<Response> unchanged = answer_if_unchanged(request, validators)) {
            add_common_fields(*unchanged, file);
            return std::move(*unchanged);
        }
        RangeChoice range = choose_range(request, file.size, validators);
        if (range.kind == RangeChoice::Kind::unsatisfiable) return range_not_satisfiable(file.size);
        if (range.kind == RangeChoice::Kind::whole) range.length = file.size;
        Response response = Response::of(file.type, content_of(file, range.offset, range.length));
        if (range.kind == RangeChoice::Kind::part) set_range(response, range, file.size);
        set_validators(response, validators);
        if (!file.encoding.empty()) response.set("Content-Encoding", file.encoding);
        response.set("X-Content-Type-Options", "nosniff");
        add_common_fields(response, file);
        return response;
    }

    // What a 304 repeats (RFC 9110 section 15.4.5).
    void add_common_fields(Response& response, const ServedFile& file) const {
        if (!cache_control_.empty()) response.set("Cache-Control", cache_control_);
        if (file.varies) response.set("Vary", "Accept-Encoding");
    }

    static Response answer_with_listing(std::string page) {
        Output body;
        body.append_owned(std::move(page));
        return Response::of("text/html; charset=utf-8", std::move(body))
            .set("Cache-Control", "no-cache")
            .set("Content-Security-Policy", kListingPolicy)
            .set("X-Content-Type-Options", "nosniff");
    }

    static Response answer_other_method(const Request& request) {
        if (request.method() == Method::options) return Response(204).set("Allow", kMethods);
        return Response::error(405).set("Allow", kMethods);
    }

    Response answer_failure(const Request& request, int error) {
        if (const int64_t held = failures_.allow(request.reactor().now()); held >= 0) {
            log::error("http", "a file could not be read",
                       {{"path", request.path()}, {"error", std::generic_category().message(error)}, {"held", held}});
        }
        return Response::error(error == EIO ? 500 : 503, "The file could not be read just now.");
    }

    Ref<FileTree> tree_;
    std::string cache_control_;
    FileCache cache_;
    log::Limit failures_;
};

}  // namespace

Handler static_files(std::string_view folder, StaticFilesOptions options) {
    const Ref<StaticFiles> files(new StaticFiles(folder, options));
    return Handler::often_at_once([files](Request& request) { return files->answer_at_once(request); },
                                  [files](Request& request) { return files->answer(request); });
}

}  // namespace bine::http
