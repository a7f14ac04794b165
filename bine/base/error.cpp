#include "bine/base/error.h"

#include <cerrno>
#include <new>

namespace bine {

namespace {

class Category final : public std::error_category {
public:
    const char* name() const noexcept override { return "bine"; }

    std::string message(int code) const override {
        switch (static_cast<Errc>(code)) {
            case Errc::closed: return "closed";
            case Errc::end_of_stream: return "the other side ended the stream";
            case Errc::timed_out: return "timed out";
            case Errc::cancelled_by_scope: return "cancelled by its scope";
            case Errc::limit_exceeded: return "limit exceeded";
            case Errc::remote_protocol: return "the other side broke the protocol";
            case Errc::local_protocol: return "not allowed by the protocol here";
            case Errc::invalid_argument: return "invalid argument";
            case Errc::not_found: return "not found";
            case Errc::not_trusted: return "not trusted";
            case Errc::unsupported: return "not supported here";
            case Errc::resolved_twice: return "resolved twice";
            case Errc::cancelled: return "cancelled";
            case Errc::broken: return "internal error";
        }
        return "unknown error";
    }
};

std::string text_of(const std::exception_ptr& cause) {
    try {
        std::rethrow_exception(cause);
    } catch (const std::exception& e) {
        return e.what();
    } catch (...) {
        return "an exception that is no std::exception";
    }
}

}  // namespace

const std::error_category& category() noexcept {
    static const Category instance;
    return instance;
}

Error::Error(const Error&) noexcept = default;
Error::Error(Error&&) noexcept = default;
Error& Error::operator=(const Error&) noexcept = default;
Error& Error::operator=(Error&&) noexcept = default;
Error::~Error() = default;

Error::Error(std::error_code code, std::string_view text, Place place) noexcept {
    try {
        block_ = Ref<Block>(new Block(code, text.empty() ? code.message() : std::string(text), place));
    } catch (const std::bad_alloc&) {
    }
}

Error::Error(Errc code, std::string_view text, Place place) noexcept : Error(make_error_code(code), text, place) {}

// Without a block there was no memory for one. The text is so short that its string needs none.
const Error::Block& Error::block() const noexcept {
    static const Block none({ENOMEM, std::system_category()}, "out of memory", Place::current());
    return block_ ? *block_ : none;
}

Error Error::from_errno(int number, std::string_view text, Place place) noexcept try {
    const std::error_code code(number, std::system_category());
    std::string sentence(text);
    if (!sentence.empty()) sentence += ": ";
    return {code, sentence + code.message(), place};
} catch (const std::bad_alloc&) {
    return out_of_memory();
}

Error Error::from_exception(std::exception_ptr cause, Place place) noexcept try {
    if (!cause) return {Errc::broken, "an error was reported without an exception", place};
    try {
        std::rethrow_exception(cause);
    } catch (const Error& error) {
        return error;
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::system_error& e) {
        return Error(Ref<Block>(new Block(e.code(), e.what(), place, cause)));
    } catch (...) {
        return Error(Ref<Block>(new Block(make_error_code(Errc::broken), text_of(cause), place, cause)));
    }
} catch (const std::bad_alloc&) {
    return out_of_memory();
}

Error Error::from_current_exception(Place place) noexcept { return from_exception(std::current_exception(), place); }

Error Error::with_context(std::string_view what) const {
    std::string sentence(what);
    sentence += ": ";
    sentence += text();
    return Error(Ref<Block>(new Block(code(), std::move(sentence), place(), cause())));
}

void Error::rethrow() const {
    if (!block_) throw std::bad_alloc();
    if (block_->cause) std::rethrow_exception(block_->cause);
    throw Error(*this);
}

std::string to_string(const Place& place) {
    std::string_view file = place.file_name();
    for (std::string_view root : {"bine/", "examples/", "tests/", "bench/"}) {
        if (const auto at = file.rfind(root); at != file.npos && (at == 0 || file[at - 1] == '/')) {
            file = file.substr(at);
            break;
        }
    }
    return std::string(file) + ":" + std::to_string(place.line());
}

}  // namespace bine
