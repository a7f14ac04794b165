#include "bine/http/conditional.h"

#include "bine/reactor/reactor.h"
#include "bine/wire/http1/date.h"
#include "bine/wire/http1/entity_tag.h"
#include "bine/wire/http1/range.h"

namespace bine::http {

namespace {

using http1::EntityTag;
using http1::TagComparison;

bool is_read(const Request& request) noexcept { return request.method() == Method::get || request.is_head(); }

bool names_version(std::string_view list, const Validators& validators, TagComparison how) noexcept {
    const auto tag = EntityTag::try_parse(validators.etag);
    return http1::tag_list_has(list, tag.value_or(EntityTag{}), how) &&
           (tag || list.find('*') != std::string_view::npos);
}

WallTime whole_seconds(WallTime time) noexcept { return std::chrono::floor<std::chrono::seconds>(time); }

// Whether the version is not later than the date of the field; nothing for a field that is to be ignored.
std::optional<bool> not_modified_since(const Request& request, std::string_view field, const Validators& validators) {
    if (!validators.modified) return std::nullopt;
    const auto date = http1::parse_date(field, request.reactor().wall_now());
    if (!date) return std::nullopt;
    return whole_seconds(*validators.modified) <= *date;
}

bool fails_precondition(const Request& request, const Validators& validators) {
    if (request.has_header("If-Match")) {
        return !names_version(request.header("If-Match"), validators, TagComparison::strong);
    }
    return not_modified_since(request, request.header("If-Unmodified-Since"), validators) == false;
}

bool has_been_seen(const Request& request, const Validators& validators) {
    if (request.has_header("If-None-Match")) {
        return names_version(request.header("If-None-Match"), validators, TagComparison::weak);
    }
    return is_read(request) && not_modified_since(request, request.header("If-Modified-Since"), validators) == true;
}

// If-Range (section 13.1.5): the range is for this very version.
bool range_is_for_this(const Request& request, const Validators& validators) {
    if (!request.has_header("If-Range")) return true;
    const std::string_view field = request.header("If-Range");
    if (const auto wanted = EntityTag::try_parse(field)) {
        const auto tag = EntityTag::try_parse(validators.etag);
        return tag && same_tag(*tag, *wanted, TagComparison::strong);
    }
    const auto date = http1::parse_date(field, request.reactor().wall_now());
    return date && validators.modified && whole_seconds(*validators.modified) == *date;
}

}  // namespace

std::optional<Response> answer_if_unchanged(const Request& request, const Validators& validators) {
    if (fails_precondition(request, validators)) return Response::error(412);
    if (!has_been_seen(request, validators)) return std::nullopt;
    if (!is_read(request)) return Response::error(412);
    Response response(304);
    set_validators(response, validators);
    return response;
}

RangeChoice choose_range(const Request& request, uint64_t size, const Validators& validators) {
    using Kind = RangeChoice::Kind;
    if (request.method() != Method::get || !request.has_header("Range")) return {};
    const auto range = http1::ByteRange::parse(request.header("Range"), size);
    if (range.kind == http1::ByteRange::Kind::none || !range_is_for_this(request, validators)) return {};
    if (range.kind == http1::ByteRange::Kind::unsatisfiable) return {Kind::unsatisfiable};
    return {Kind::part, range.offset, range.length};
}

void set_validators(Response& response, const Validators& validators) {
    if (!validators.etag.empty()) response.set("ETag", validators.etag);
    if (validators.modified) response.set("Last-Modified", http1::format_date(*validators.modified).view());
    response.set("Accept-Ranges", "bytes");
}

void set_range(Response& response, const RangeChoice& range, uint64_t size) {
    response.status(206);
    response.set("Content-Range", "bytes " + std::to_string(range.offset) + "-" +
                                      std::to_string(range.offset + range.length - 1) + "/" + std::to_string(size));
}

Response range_not_satisfiable(uint64_t size) {
    return Response::error(416).set("Content-Range", "bytes */" + std::to_string(size));
}

}  // namespace bine::http
