#include "bine/app/get_request.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bine/app/get_settings.h"
#include "bine/base/text.h"
#include "bine/client/client_request.h"
#include "bine/client/form.h"

namespace bine::app {

namespace {

constexpr std::size_t kReadAtOnce = 65536;

std::string quoted(std::string_view text) { return "\"" + escape(text) + "\""; }

Result<std::string> read_all(int fd, const std::string& what) {
    std::string all;
    while (true) {
        const std::size_t size = all.size();
        all.resize(size + kReadAtOnce);
        const ssize_t count = ::read(fd, all.data() + size, kReadAtOnce);
        const int error = errno;
        all.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        if (count == 0) return all;
        if (count < 0 && error != EINTR) return fail(Error::from_errno(error, "read " + what));
    }
}

Result<Descriptor> open_file(const std::string& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail(Error::from_errno(errno, "read " + quoted(path)));
    return file;
}

Result<std::string> read_file(const std::string& path) {
    const Result<Descriptor> file = open_file(path);
    if (!file) return fail(file.error());
    return read_all(file->get(), quoted(path));
}

// A file that can be sent from is referred to; a pipe is read.
Result<Output> file_output(const std::string& path) {
    Result<Descriptor> file = open_file(path);
    if (!file) return fail(file.error());
    Output output;
    struct stat about{};
    if (::fstat(file->get(), &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0) {
        output.append(Output::FileRange{Ref<SharedFile>(new SharedFile(std::move(*file))), 0,
                                        static_cast<uint64_t>(about.st_size)});
        return output;
    }
    Result<std::string> bytes = read_all(file->get(), quoted(path));
    if (!bytes) return fail(bytes.error());
    output.append_owned(std::move(*bytes));
    return output;
}

// Text as it stands, "@file", or "-".
Result<Output> source_output(const std::string& source) {
    if (source.starts_with('@') && source != "@-") return file_output(source.substr(1));
    Output output;
    if (source == "-" || source == "@-") {
        Result<std::string> bytes = read_all(STDIN_FILENO, "standard input");
        if (!bytes) return fail(bytes.error());
        output.append_owned(std::move(*bytes));
    } else {
        output.append(source);
    }
    return output;
}

// A secret as it stands, or the first line of "@file".
Result<std::string> secret(const std::string& source) {
    if (!source.starts_with('@')) return source;
    Result<std::string> text = read_file(source.substr(1));
    if (!text) return fail(text.error());
    text->resize(std::min(text->size(), text->find_first_of("\r\n")));
    return text;
}

// "photo=@cat.png;type=image/png;filename=tom.png", taken apart.
struct FormField {
    std::string name;
    char kind = 0;  // '@': a file, '<': what it holds, 0: text
    std::string value;
    std::optional<std::string> type;
    std::optional<std::string> filename;

    static FormField parse(std::string_view text) {
        FormField field;
        const std::size_t sign = text.find('=');
        field.name = text.substr(0, sign);
        text.remove_prefix(std::min(sign + 1, text.size()));
        if (!text.starts_with('@') && !text.starts_with('<')) {
            field.value = text;
            return field;
        }
        field.kind = text.front();
        text.remove_prefix(1);
        field.take_parameters(text);
        field.value = text;
        return field;
    }

private:
    // From the end, so that a ';' may be in a file's name.
    void take_parameters(std::string_view& text) {
        while (true) {
            const std::size_t semicolon = text.rfind(';');
            if (semicolon == text.npos) return;
            const std::string_view parameter = text.substr(semicolon + 1);
            if (parameter.starts_with("type=")) {
                type = parameter.substr(5);
            } else if (parameter.starts_with("filename=")) {
                filename = parameter.substr(9);
            } else {
                return;
            }
            text = text.substr(0, semicolon);
        }
    }
};

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Result<> add_field(http::MultipartForm& form, const FormField& field) {
    if (field.kind == 0) {
        form.add(field.name, field.value);
        return {};
    }
    Result<Output> content = source_output(field.value == "-" ? "-" : "@" + field.value);
    if (!content) return fail(content.error());
    if (field.kind == '<') {
        form.add(field.name, content->to_string(), field.type.value_or(""));
        return {};
    }
    const std::string name = field.filename.value_or(base_name(field.value));
    http::MultipartForm::File file;
    file.name = name;
    if (field.type) file.type = *field.type;
    form.add_file(field.name, file, std::move(*content));
    return {};
}

Result<> put_form(http::ClientRequest& request, const GetSettings& settings,
                  std::span<const std::byte, kGetChance> chance) {
    http::MultipartForm form(chance);
    for (const std::string& text : settings.form) {
        if (const Result<> added = add_field(form, FormField::parse(text)); !added) return fail(added.error());
    }
    request.form(std::move(form));
    return {};
}

Result<> put_body(http::ClientRequest& request, const std::vector<std::string>& sources, std::string_view type) {
    Output body;
    for (const std::string& source : sources) {
        Result<Output> piece = source_output(source);
        if (!piece) return fail(piece.error());
        if (&source != &sources.front()) body.append("&");
        body.append(std::move(*piece));
    }
    request.body(std::move(body), type);
    return {};
}

Result<> put_content(http::ClientRequest& request, const GetSettings& settings,
                     std::span<const std::byte, kGetChance> chance) {
    if (!settings.form.empty()) return put_form(request, settings, chance);
    if (!settings.data.empty()) return put_body(request, settings.data, http::kUrlencodedType);
    if (settings.json.empty()) return {};
    if (!request.fields().has("Accept")) request.set("Accept", "application/json");
    return put_body(request, settings.json, "application/json");
}

Result<> put_authorization(http::ClientRequest& request, const GetSettings& settings) {
    if (!settings.bearer.empty()) {
        const Result<std::string> token = secret(settings.bearer);
        if (!token) return fail(token.error().with_context("--bearer"));
        request.bearer(*token);
    }
    if (settings.user.empty()) return {};
    const Result<std::string> user = secret(settings.user);
    if (!user) return fail(user.error().with_context("--user"));
    const std::size_t colon = user->find(':');
    if (colon == user->npos) return fail(Errc::invalid_argument, "--user: the file does not begin with NAME:PASSWORD");
    request.login(user->substr(0, colon), user->substr(colon + 1));
    return {};
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
    return text;
}

std::string method_of(const GetSettings& settings) {
    if (!settings.method.empty()) return settings.method;
    if (settings.head) return "HEAD";
    return settings.has_body() ? "POST" : "GET";
}

int hex_value(char digit) {
    const auto value = try_parse_hex(std::string_view(&digit, 1));
    return value ? static_cast<int>(*value) : -1;
}

std::string decoded(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escaped = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0;
        if (!escaped || hex_value(text[i + 2]) < 0) {
            plain += text[i];
            continue;
        }
        plain += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
        i += 2;
    }
    return plain;
}

}  // namespace

Result<Url> parse_get_url(std::string_view text) {
    const std::size_t scheme = text.find("://");
    const bool whole = scheme != text.npos && text.find_first_of("/?#") > scheme;
    Result<Url> url = Url::parse(whole ? std::string(text) : "http://" + std::string(text));
    if (!url) return fail(url.error());
    if (!url->is_http()) {
        return fail(Errc::invalid_argument,
                    quoted(text) + " is a URL of " + url->scheme() + "; bine get asks http and https");
    }
    return url;
}

Result<http::ClientRequest> make_get_request(const GetSettings& settings, const Url& url,
                                             std::span<const std::byte, kGetChance> chance) {
    http::ClientRequest request(method_of(settings), url);
    for (const std::string& header : settings.headers) {
        const std::size_t colon = header.find(':');
        request.add(std::string_view(header).substr(0, colon), trimmed(std::string_view(header).substr(colon + 1)));
    }
    if (!settings.follow) request.redirects(0);
    if (const Result<> put = put_authorization(request, settings); !put) return fail(put.error());
    if (const Result<> put = put_content(request, settings, chance); !put) return fail(put.error());
    if (request.error()) return fail(*request.error());
    return request;
}

Result<std::string> remote_name(const Url& url) {
    std::string name = decoded(base_name(url.path()));
    const bool odd = std::ranges::any_of(name, [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20; });
    if (name.empty() || name == "." || name == ".." || odd) {
        return fail(Errc::invalid_argument,
                    "the path of " + url.to_string() + " does not end with the name of a file; name one with --output");
    }
    return name;
}

}  // namespace bine::app
