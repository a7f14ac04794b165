#include "bine/http/static_files.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "bine/base/text.h"
#include "bine/http/router.h"
#include "bine/http/server.h"
#include "bine/testing/string_transport.h"
#include "bine/testing/temp_folder.h"

using namespace bine;
using namespace bine::http;
using namespace std::literals;
using bine::testing::StringTransport;
using bine::testing::TempFolder;

namespace {

constexpr long kModified = 784'111'777;  // as the RFC's examples: Sun, 06 Nov 1994 08:49:37 GMT
constexpr std::string_view kModifiedText = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::string_view kBefore = "Sun, 06 Nov 1994 08:49:36 GMT";

struct Answer {
    int status = 0;
    std::string head;
    std::string body;

    std::string field(std::string_view name) const {
        for (std::size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
            const std::string_view line = std::string_view(head).substr(at + 2, head.find("\r\n", at + 2) - at - 2);
            const std::size_t colon = line.find(':');
            if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name))
                return std::string(line.substr(colon + 2));
        }
        return {};
    }
};

Answer parse(const std::string& written) {
    Answer answer;
    const std::size_t end = written.find("\r\n\r\n");
    REQUIRE(end != std::string::npos);
    REQUIRE(written.starts_with("HTTP/1.1 "));
    answer.status = std::stoi(written.substr(9, 3));
    answer.head = written.substr(0, end + 2);
    answer.body = written.substr(end + 4);
    return answer;
}

class Client {
public:
    explicit Client(Handler handler) : server_(std::move(handler)) { transport_.start(server_.make_protocol()); }

    Answer ask(std::string_view method, std::string_view target, std::string_view fields = "") {
        transport_.receive(std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: bine\r\n" +
                           std::string(fields) + "\r\n");
        transport_.settle();
        return parse(transport_.take_written());
    }
    Answer get(std::string_view target, std::string_view fields = "") { return ask("GET", target, fields); }

    StringTransport& transport() { return transport_; }

private:
    Server server_;
    StringTransport transport_;
};

// "0123456789" as /ten.txt, and more.
struct Site {
    TempFolder temp;

    Site() {
        write("root/ten.txt", "0123456789");
        write("root/index.html", "<p>top</p>");
        write("root/sub/index.html", "<p>sub</p>");
        write("root/list/a b.txt", "a");
        write("root/.git/config", "HIDDEN");
        write("root/.well-known/id", "known");
        write("secret", "SECRET");
        temp.link("root/out", "../secret");
        temp.link("root/out_folder", "..");
        temp.link("root/inside", "sub/index.html");
    }
    void write(std::string_view name, std::string_view content) const {
        temp.write(name, content);
        temp.set_modified(name, kModified);
    }
    Handler files(StaticFilesOptions options = StaticFilesOptions()) const {
        return static_files(temp.path("root"), options);
    }
};

}  // namespace

TEST_CASE("a file is sent with its type, length and validators") {
    const Site site;
    Client client(site.files());
    const Answer answer = client.get("/ten.txt");
    CHECK(answer.status == 200);
    CHECK(answer.body == "0123456789");
    CHECK(answer.field("Content-Type") == "text/plain; charset=utf-8");
    CHECK(answer.field("Content-Length") == "10");
    CHECK(answer.field("Last-Modified") == kModifiedText);
    CHECK(answer.field("Accept-Ranges") == "bytes");
    CHECK(answer.field("X-Content-Type-Options") == "nosniff");
    CHECK(answer.field("Cache-Control") == "");
    CHECK(answer.field("ETag").starts_with("\""));
    CHECK(client.get("/ten.txt?query=ignored").body == "0123456789");
    CHECK(client.get("/inside").body == "<p>sub</p>");

    const Answer head = client.ask("HEAD", "/ten.txt");
    CHECK(head.status == 200);
    CHECK(head.body == "");
    for (const char* name : {"Content-Type", "Content-Length", "Last-Modified", "ETag", "Accept-Ranges"})
        CHECK(head.field(name) == answer.field(name));
}

TEST_CASE("a large file arrives whole, and so does a part of it") {
    const Site site;
    std::string content;
    for (int i = 0; i < 100'000; ++i) content += std::to_string(i) + ",";
    site.write("root/large.bin", content);
    Client client(site.files());
    CHECK(client.get("/large.bin").body == content);
    const Answer part = client.get("/large.bin", "Range: bytes=250000-250099\r\n");
    CHECK(part.status == 206);
    CHECK(part.body == content.substr(250'000, 100));
    CHECK(client.ask("HEAD", "/large.bin").field("Content-Length") == std::to_string(content.size()));
}

TEST_CASE("folders answer with their index, with a listing if that is wanted, and send others to the '/' they lack") {
    const Site site;
    Client client(site.files());
    CHECK(client.get("/").body == "<p>top</p>");
    CHECK(client.get("/sub/").body == "<p>sub</p>");
    CHECK(client.get("/list/").status == 404);
    CHECK(client.get("/sub").status == 301);
    CHECK(client.get("/sub").field("Location") == "./sub/");
    CHECK(client.get("/sub?a=b&c").field("Location") == "./sub/?a=b&c");
    CHECK(client.get("/s%75b").field("Location") == "./sub/");
    CHECK(client.get("/ten.txt/").status == 404);

    Client listing(site.files({.listing = true}));
    const Answer page = listing.get("/list/?sort=size");
    CHECK(page.status == 200);
    CHECK(page.field("Content-Type") == "text/html; charset=utf-8");
    CHECK(page.field("Content-Security-Policy").find("default-src 'none'") == 0);
    CHECK(page.body.find("<a href=\"./a%20b.txt\"><bdi>a b.txt</bdi></a>") != std::string::npos);
    CHECK(listing.ask("HEAD", "/list/?sort=size").field("Content-Length") == page.field("Content-Length"));
    CHECK(listing.get("/").body == "<p>top</p>");
    CHECK(listing.get("/list/a%20b.txt").body == "a");

    Client other(site.files({.index = "a b.txt"}));
    CHECK(other.get("/list/").body == "a");
    CHECK(other.get("/").status == 404);
}

TEST_CASE("a redirect never leaves the host, whatever the folder is called") {
    const Site site;
    for (const char* name : {"root/javascript:alert(1)", "root/a b", "root/evil.example", "root/\\evil.example",
                             "root/x\r\nSet-Cookie: a=b"})
        site.temp.make_folder(name);
    Client client(site.files());
    struct Row {
        std::string_view target;
        std::string_view location;
    };
    static constexpr std::array kRows = {
        Row{"/javascript:alert(1)", "./javascript%3Aalert%281%29/"},
        Row{"/a%20b", "./a%20b/"},
        Row{"/evil.example", "./evil.example/"},
        Row{"/%5Cevil.example", "./%5Cevil.example/"},
        Row{"/x%0d%0aSet-Cookie:%20a=b", "./x%0D%0ASet-Cookie%3A%20a%3Db/"},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.target);
        CHECK(client.get(row.target).field("Location") == row.location);
    }
    for (const std::string_view target :
         {"//evil.example"sv, "//sub"sv, "/%2fevil.example"sv, "/%2f%2fevil.example/"sv, "///evil.example/.."sv}) {
        CAPTURE(target);
        const Answer answer = client.get(target);
        CHECK(answer.field("Location") == "");
        CHECK(answer.status >= 400);
    }
}

TEST_CASE("no spelling of a path leads out of the root or to what is hidden") {
    const Site site;
    Client client(site.files({.listing = true}));
    for (const std::string_view target : {"/../secret",
                                          "/../../../../../../etc/passwd",
                                          "/./../secret",
                                          "/sub/../../secret",
                                          "/%2e%2e/secret",
                                          "/%2E%2E/secret",
                                          "/.%2e/secret",
                                          "/%2e./secret",
                                          "/..%2fsecret",
                                          "/..%2Fsecret",
                                          "/%2e%2e%2fsecret",
                                          "/sub/..%2f..%2fsecret",
                                          "/sub%2f..%2f..%2fsecret",
                                          "/..%5csecret",
                                          "/..\\secret",
                                          "/%252e%252e/secret",
                                          "/%252e%252e%252fsecret",
                                          "/%c0%ae%c0%ae/secret",
                                          "/%c0%ae%c0%ae%c0%afsecret",
                                          "/%e0%80%ae%e0%80%ae/secret",
                                          "/..;/secret",
                                          "/..%00/secret",
                                          "/ten.txt%00.html",
                                          "/ten.txt%00",
                                          "/%00",
                                          "/out",
                                          "/out/",
                                          "/out_folder/secret",
                                          "/out_folder",
                                          "/out_folder/",
                                          "/out_folder/root/ten.txt",
                                          "//secret",
                                          "//etc/passwd",
                                          "/%2fetc/passwd",
                                          "/%2f/etc/passwd",
                                          "/.git/config",
                                          "/.git/",
                                          "/.git",
                                          "/%2egit/config",
                                          "/sub/../.git/config",
                                          "/.well-known/../.git/config",
                                          "/...",
                                          "/....//secret",
                                          "/~root/",
                                          "/secret",
                                          "/ten.txt/../secret",
                                          "/%u002e%u002e/secret",
                                          "/sub//index.html",
                                          "/proc/self/environ",
                                          "http://bine/../secret",
                                          "/nothing"}) {
        CAPTURE(target);
        Client fresh(site.files({.listing = true}));
        const Answer answer = fresh.get(target);
        CHECK((answer.status == 404 || answer.status == 400));
        CHECK(answer.body.find("SECRET") == std::string::npos);
        CHECK(answer.body.find("HIDDEN") == std::string::npos);
        CHECK(answer.body.find("root:") == std::string::npos);
    }
    CHECK(client.get("/.well-known/id").body == "known");
    CHECK(client.get("/sub/../ten.txt").body == "0123456789");
    CHECK(client.get("/../ten.txt").body == "0123456789");  // as RFC 3986 resolves it
    CHECK(client.get("/%74en.txt").body == "0123456789");
    Client open(site.files({.hidden = true}));
    CHECK(open.get("/.git/config").body == "HIDDEN");
    CHECK(open.get("/out").status == 404);
}

TEST_CASE("special files are not there") {
    const Site site;
    REQUIRE(::mkfifo(site.temp.path("root/fifo").c_str(), 0644) == 0);
    Client client(site.files());
    CHECK(client.get("/fifo").status == 404);
}

TEST_CASE("conditions are answered as RFC 9110 says, the first that applies") {
    const Site site;
    Client client(site.files({.cache_control = "max-age=60"}));
    const std::string etag = client.get("/ten.txt").field("ETag");
    const auto field = [](std::string_view name, std::string_view value) {
        return std::string(name) + ": " + std::string(value) + "\r\n";
    };
    const std::string match = field("If-Match", etag);
    const std::string no_match = field("If-Match", "\"other\"");
    const std::string none_match = field("If-None-Match", etag);
    const std::string none_other = field("If-None-Match", "\"other\"");
    struct Row {
        std::string fields;
        int status;
    };
    const std::vector<Row> rows = {
        {match, 200},
        {field("If-Match", "\"x\", " + etag), 200},
        {field("If-Match", "*"), 200},
        {no_match, 412},
        {field("If-Match", "W/" + etag), 412},
        {none_match, 304},
        {field("If-None-Match", "W/" + etag), 304},
        {field("If-None-Match", "\"x\", " + etag), 304},
        {field("If-None-Match", "*"), 304},
        {none_other, 200},
        {field("If-Modified-Since", kModifiedText), 304},
        {field("If-Modified-Since", kBefore), 200},
        {field("If-Modified-Since", "nonsense"), 200},
        {none_other + field("If-Modified-Since", kModifiedText), 200},
        {none_match + field("If-Modified-Since", kBefore), 304},
        {field("If-Unmodified-Since", kModifiedText), 200},
        {field("If-Unmodified-Since", kBefore), 412},
        {field("If-Unmodified-Since", "nonsense"), 200},
        {match + field("If-Unmodified-Since", kBefore), 200},
        {no_match + none_match, 412},
        {match + none_match, 304},
    };
    for (const Row& row : rows) {
        for (const char* method : {"GET", "HEAD"}) {
            CAPTURE(row.fields);
            CAPTURE(method);
            const Answer answer = client.ask(method, "/ten.txt", row.fields);
            CHECK(answer.status == row.status);
            if (answer.status == 200) CHECK(answer.body == (method == "GET"sv ? "0123456789" : ""));
            if (answer.status != 304) continue;
            CHECK(answer.body == "");
            CHECK(answer.field("ETag") == etag);
            CHECK(answer.field("Cache-Control") == "max-age=60");
        }
    }
}

TEST_CASE("single ranges are sent as parts, several as the whole, impossible ones refused") {
    const Site site;
    site.write("root/empty.txt", "");
    Client client(site.files());
    struct Row {
        std::string_view range;
        int status;
        std::string_view body;
        std::string_view content_range;
    };
    static constexpr std::string_view kWhole = "0123456789";
    static constexpr std::array kRows = {
        Row{"bytes=0-0", 206, "0", "bytes 0-0/10"},
        Row{"bytes=2-5", 206, "2345", "bytes 2-5/10"},
        Row{"bytes=2-", 206, "23456789", "bytes 2-9/10"},
        Row{"bytes=0-", 206, kWhole, "bytes 0-9/10"},
        Row{"bytes=9-9", 206, "9", "bytes 9-9/10"},
        Row{"bytes=5-100", 206, "56789", "bytes 5-9/10"},
        Row{"bytes=5-99999999999999999999999", 206, "56789", "bytes 5-9/10"},
        Row{"bytes=-3", 206, "789", "bytes 7-9/10"},
        Row{"bytes=-100", 206, kWhole, "bytes 0-9/10"},
        Row{"bytes=10-", 416, "", "bytes */10"},
        Row{"bytes=10-20", 416, "", "bytes */10"},
        Row{"bytes=99999999999999999999999-", 416, "", "bytes */10"},
        Row{"bytes=-0", 416, "", "bytes */10"},
        Row{"bytes=0-1,4-5", 200, kWhole, ""},
        Row{"bytes=5-2", 200, kWhole, ""},
        Row{"bytes=", 200, kWhole, ""},
        Row{"bytes=a-b", 200, kWhole, ""},
        Row{"bytes=+1-2", 200, kWhole, ""},
        Row{"lines=0-1", 200, kWhole, ""},
        Row{"0-1", 200, kWhole, ""},
    };
    for (const Row& row : kRows) {
        CAPTURE(row.range);
        const Answer answer = client.get("/ten.txt", "Range: " + std::string(row.range) + "\r\n");
        CHECK(answer.status == row.status);
        CHECK(answer.field("Content-Range") == row.content_range);
        if (row.status != 416) CHECK(answer.body == row.body);
    }
    CHECK(client.ask("HEAD", "/ten.txt", "Range: bytes=0-1\r\n").status == 200);
    CHECK(client.get("/empty.txt", "Range: bytes=0-\r\n").field("Content-Range") == "bytes */0");
    CHECK(client.get("/sub/", "Range: bytes=3-5\r\n").body == "sub");
}

TEST_CASE("a part is only sent of the version that is meant") {
    const Site site;
    Client client(site.files());
    const std::string etag = client.get("/ten.txt").field("ETag");
    const auto status = [&](std::string_view if_range) {
        return client.get("/ten.txt", "Range: bytes=0-1\r\nIf-Range: " + std::string(if_range) + "\r\n").status;
    };
    CHECK(status(etag) == 206);
    CHECK(status(kModifiedText) == 206);
    CHECK(status("W/" + etag) == 200);
    CHECK(status("\"other\"") == 200);
    CHECK(status(kBefore) == 200);
    CHECK(status("nonsense") == 200);
}

TEST_CASE("other methods are refused, with those that are not") {
    const Site site;
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "TRACE", "FOO"}) {
        Client client(site.files());
        CAPTURE(method);
        const Answer answer = client.ask(method, "/ten.txt");
        CHECK(answer.status == 405);
        CHECK(answer.field("Allow") == "GET, HEAD, OPTIONS");
    }
    Client client(site.files());
    const Answer options = client.ask("OPTIONS", "/ten.txt");
    CHECK(options.status == 204);
    CHECK(options.field("Allow") == "GET, HEAD, OPTIONS");
}

TEST_CASE("compressed siblings are sent to those who take them, and caches are told") {
    const Site site;
    site.write("root/a.css", "plain");
    site.write("root/a.css.gz", "GZIP");
    site.write("root/ten.txt.gz", "TEN");
    Client client(site.files());
    const Answer packed = client.get("/a.css", "Accept-Encoding: gzip, br\r\n");
    CHECK(packed.body == "GZIP");
    CHECK(packed.field("Content-Encoding") == "gzip");
    CHECK(packed.field("Content-Type") == "text/css; charset=utf-8");
    CHECK(packed.field("Vary") == "Accept-Encoding");
    const Answer plain = client.get("/a.css");
    CHECK(plain.body == "plain");
    CHECK(plain.field("Content-Encoding") == "");
    CHECK(plain.field("Vary") == "Accept-Encoding");
    CHECK(plain.field("ETag") != packed.field("ETag"));
    CHECK(client.get("/a.css", "Accept-Encoding: gzip\r\nIf-None-Match: " + plain.field("ETag") + "\r\n").status ==
          200);
    const Answer unchanged =
        client.get("/a.css", "Accept-Encoding: gzip\r\nIf-None-Match: " + packed.field("ETag") + "\r\n");
    CHECK(unchanged.status == 304);
    CHECK(unchanged.field("Vary") == "Accept-Encoding");
    CHECK(client.get("/a.css", "Accept-Encoding: gzip\r\nRange: bytes=1-2\r\n").body == "ZI");
    CHECK(client.get("/a.css.gz").body == "GZIP");
    CHECK(client.get("/a.css.gz").field("Content-Type") == "application/gzip");

    Client without(site.files({.precompressed = false}));
    CHECK(without.get("/a.css", "Accept-Encoding: gzip\r\n").body == "plain");
    CHECK(without.get("/a.css").field("Vary") == "");
}

TEST_CASE("a small file is remembered for a moment, and looked at again after it") {
    const Site site;
    Client client(site.files());
    const std::string etag = client.get("/ten.txt").field("ETag");
    site.write("root/ten.txt", "changed");
    CHECK(client.get("/ten.txt").body == "0123456789");
    client.transport().advance(100ms);
    const Answer changed = client.get("/ten.txt");
    CHECK(changed.body == "changed");
    CHECK(changed.field("ETag") != etag);
    REQUIRE(std::remove(site.temp.path("root/ten.txt").c_str()) == 0);
    client.transport().advance(100ms);
    CHECK(client.get("/ten.txt").status == 404);

    Client careful(site.files({.cache_bytes = 0}));
    CHECK(careful.get("/sub/").body == "<p>sub</p>");
    site.write("root/sub/index.html", "new");
    CHECK(careful.get("/sub/").body == "new");
}

TEST_CASE("files that are mounted are found behind their prefix only") {
    const Site site;
    Router router;
    router.mount("/assets", site.files({.listing = true}));
    router.mount("/deep/er", site.files());
    Client client(std::move(router));
    CHECK(client.get("/assets/ten.txt").body == "0123456789");
    CHECK(client.get("/assets/list/a%20b.txt").body == "a");
    CHECK(client.get("/assets/").body == "<p>top</p>");
    CHECK(client.get("/assets").field("Location") == "./assets/");
    CHECK(client.get("/assets/sub").field("Location") == "./sub/");
    CHECK(client.get("/deep/er/ten.txt").body == "0123456789");
    for (const std::string_view target :
         {"/ten.txt", "/deep/ten.txt", "/assets/../ten.txt", "/assets/%2e%2e/secret", "/assets/..%2fsecret",
          "/assets/%00", "/assets/.git/config", "/assets/%2egit/config", "/assets//ten.txt", "/assets/%2ften.txt",
          "/assetsten.txt"}) {
        CAPTURE(target);
        CHECK(client.get(target).status == 404);
    }
}

TEST_CASE("many requests in one piece are answered in their order") {
    const Site site;
    Client client(site.files());
    std::string requests;
    for (int i = 0; i < 3; ++i) {
        requests +=
            "GET /ten.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /sub/ HTTP/1.1\r\nHost: a\r\n\r\nGET /nothing HTTP/1.1\r\nHost: a\r\n\r\n";
    }
    client.transport().receive(requests);
    client.transport().settle();
    const std::string written = client.transport().take_written();
    std::size_t at = 0;
    for (int i = 0; i < 3; ++i) {
        for (const std::string_view part : {"0123456789"sv, "<p>sub</p>"sv, "HTTP/1.1 404"sv}) {
            at = written.find(part, at);
            REQUIRE(at != std::string::npos);
        }
    }
}

TEST_CASE("a connection that is lost while its file is looked for harms nobody") {
    const Site site;
    auto handler = std::make_unique<Server>(site.files());
    StringTransport transport;
    transport.start(handler->make_protocol());
    transport.receive("GET /ten.txt HTTP/1.1\r\nHost: a\r\n\r\n");
    transport.abort();
    transport.settle();
    CHECK(transport.is_lost());
    CHECK(transport.written() == "");
}

TEST_CASE("a folder that is not there is refused at once") {
    const Site site;
    CHECK_THROWS_AS(static_files(site.temp.path("nothing")), Error);
    CHECK_THROWS_AS(static_files(site.temp.path("root/ten.txt")), Error);
}
