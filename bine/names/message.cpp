// A message is a header of 12 bytes, the question, and three lists of records; we look at the first list, and for what is
// not there at the second. Names may end in a pointer to an earlier place, in chains: see Reader::name.
#include "bine/names/message.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "bine/base/text.h"
#include "bine/wire/ip_text.h"

namespace bine::names {

namespace {

constexpr std::size_t kHeaderSize = 12;
constexpr std::size_t kMostNameBytes = 255;
constexpr uint16_t kInternet = 1;
constexpr uint16_t kAliasType = 5;
constexpr uint16_t kAuthorityType = 6;
constexpr std::size_t kAddress4 = 4;
constexpr std::size_t kAddress6 = 16;

Error malformed(std::string_view what) { return Error(Errc::remote_protocol, what); }

void append_label(std::string& name, std::string_view label) {
    if (!name.empty()) name += '.';
    for (const char c : label) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '.' || c == '\\') {
            name += '\\';
            name += c;
        } else if (byte <= ' ' || byte >= 0x7f) {
            const std::string digits = std::to_string(byte);
            name += "\\" + std::string(3 - digits.size(), '0') + digits;
        } else {
            name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
    }
}

// Reads from the front of a message. The first thing that is wrong makes it fail, and all that follows is empty.
class Reader {
public:
    explicit Reader(std::string_view message) : message_(message) {}

    const std::optional<Error>& error() const { return error_; }
    std::size_t position() const { return at_; }
    void go_to(std::size_t position) { at_ = position; }
    std::string_view take(std::size_t size) {
        if (error_ || size > message_.size() - at_) return cut();
        const std::string_view bytes = message_.substr(at_, size);
        at_ += size;
        return bytes;
    }
    std::size_t number(std::size_t bytes) {
        std::size_t value = 0;
        for (const char c : take(bytes)) value = value << 8 | static_cast<unsigned char>(c);
        return value;
    }
    std::string name();

private:
    std::string_view cut() {
        fail(malformed("its message is cut short"));
        return {};
    }
    void fail(Error error) {
        if (!error_) error_ = std::move(error);
    }
    bool step() {
        if (++steps_ > kMostNameSteps) fail(Error(Errc::limit_exceeded, "the names in its message are too much work"));
        return !error_;
    }

    std::string_view message_;
    std::size_t at_ = 0;
    std::size_t steps_ = 0;
    std::optional<Error> error_;
};

// A pointer must lead to an earlier place than the one before, so there are no circles; chains that only go on and on
// cost steps, of which a message has as many as it has.
std::string Reader::name() {
    std::string name;
    std::size_t bytes = 0;
    std::size_t earliest = at_;
    std::optional<std::size_t> behind;  // where the name ends, if it goes on elsewhere
    while (step()) {
        const std::size_t length = number(1);
        if (error_ || length == 0) break;
        if (length < 64) {
            bytes += length + 1;
            if (bytes >= kMostNameBytes) fail(malformed("a name in its message is too long"));
            append_label(name, take(length));
        } else if (length >= 192) {
            const std::size_t target = (length & 63) << 8 | number(1);
            if (!behind) behind = at_;
            if (target >= earliest || target < kHeaderSize) fail(malformed("a name in its message leads in a circle"));
            earliest = at_ = target;
        } else {
            fail(malformed("a name in its message has a label of an unknown kind"));
        }
    }
    if (behind) at_ = *behind;
    return name;
}

struct Record {
    std::string owner;
    std::size_t type = 0;
    std::size_t ttl = 0;
    std::size_t data = 0;  // where
    std::size_t size = 0;
};

// Of another class than the Internet's: its type is 0.
Record read_record(Reader& reader) {
    Record record;
    record.owner = reader.name();
    record.type = reader.number(2);
    if (reader.number(2) != kInternet) record.type = 0;
    record.ttl = reader.number(4);
    if (record.ttl >> 31) record.ttl = 0;  // RFC 2181, section 8
    record.size = reader.number(2);
    record.data = reader.position();
    reader.take(record.size);
    return record;
}

Address address_of(std::string_view bytes) {
    std::string text;
    if (bytes.size() == kAddress4) {
        wire::Ipv4 ip{};
        std::copy(bytes.begin(), bytes.end(), ip.begin());
        text = wire::to_text(ip);
    } else {
        wire::Ipv6 ip{};
        std::copy(bytes.begin(), bytes.end(), ip.begin());
        text = wire::to_text(ip);
    }
    return Address::try_parse_ip(text, 0).value_or(Address());
}

std::string text_of(std::string_view bytes, std::optional<Error>& wrong) {
    std::string text;
    while (!bytes.empty()) {
        const std::size_t size = static_cast<unsigned char>(bytes.front());
        if (size >= bytes.size()) {
            wrong = malformed("a TXT record in its message is cut short");
            break;
        }
        text += bytes.substr(1, size);
        bytes.remove_prefix(size + 1);
    }
    return text;
}

// One message, and what is wrong with it.
class Answer {
public:
    Answer(std::string_view message, std::string_view name, RecordType type)
        : reader_(message), name_(to_lower(name)), type_(type) {}

    Result<Records> parse();

private:
    std::optional<Error> check_header();
    std::optional<Error> refusal(std::size_t code) const;
    void read_records();
    void follow_aliases();
    void take(const Record& record);
    void take_data(const Record& record);
    void take_negative_ttl();
    bool fine() const { return !wrong_ && !reader_.error(); }
    void hold_for(std::size_t ttl) {
        const auto seconds = std::chrono::seconds(static_cast<int64_t>(ttl));
        found_.ttl = held_ ? std::min<Duration>(found_.ttl, seconds) : Duration(seconds);
        held_ = true;
    }

    Reader reader_;
    const std::string name_;
    const RecordType type_;
    std::size_t answers_ = 0;
    std::size_t authorities_ = 0;
    std::vector<Record> records_;
    std::optional<Record> authority_;
    Records found_;
    bool held_ = false;
    std::optional<Error> wrong_;
};

std::optional<Error> Answer::refusal(std::size_t code) const {
    const auto says = [](std::string_view words) {
        return Error(std::error_code(EAGAIN, std::system_category()), words);
    };
    switch (code) {
        case 0:
        case 3: return {};
        case 1: return says("it does not understand the question (FORMERR)");
        case 2: return says("it could not find out (SERVFAIL)");
        case 4: return says("it cannot answer such questions (NOTIMP)");
        case 5: return says("it refuses to answer (REFUSED)");
        default: return says("it answered with error code " + std::to_string(code));
    }
}

std::optional<Error> Answer::check_header() {
    reader_.number(2);
    const std::size_t flags = reader_.number(2);
    const std::size_t questions = reader_.number(2);
    answers_ = reader_.number(2);
    authorities_ = reader_.number(2);
    reader_.number(2);
    if (reader_.error()) return reader_.error();
    if (!(flags & 0x8000)) return malformed("its message is no answer");
    if (flags & 0x0200) return malformed("its message says that it is cut short");
    if (questions != 1) return malformed("its message answers no question, or several");
    const std::string asked = reader_.name();
    const std::size_t type = reader_.number(2);
    const std::size_t kind = reader_.number(2);
    if (reader_.error()) return reader_.error();
    if (asked != name_ || type != static_cast<std::size_t>(type_) || kind != kInternet) {
        return malformed("its message answers another question");
    }
    found_.outcome = (flags & 15) == 3 ? Records::Outcome::no_such_name : Records::Outcome::found;
    return refusal(flags & 15);
}

void Answer::read_records() {
    if (answers_ + authorities_ > kMostRecords) {
        wrong_ = Error(Errc::limit_exceeded, "its message has too many records");
        return;
    }
    for (std::size_t i = 0; i < answers_ && !reader_.error(); ++i) records_.push_back(read_record(reader_));
    for (std::size_t i = 0; i < authorities_ && !reader_.error(); ++i) {
        Record record = read_record(reader_);
        if (record.type == kAuthorityType && !authority_) authority_ = std::move(record);
    }
}

// Leaves in `found_.alias` the name that has the records.
void Answer::follow_aliases() {
    std::string current = name_;
    for (std::size_t hops = 0; fine(); ++hops) {
        const auto alias = std::find_if(records_.begin(), records_.end(), [&](const Record& record) {
            return record.type == kAliasType && record.owner == current;
        });
        if (alias == records_.end()) return;
        if (hops == kMostAliases) {
            wrong_ = malformed("it answered with too long a chain of aliases, or one that leads in a circle");
            return;
        }
        reader_.go_to(alias->data);
        current = found_.alias = reader_.name();
        hold_for(alias->ttl);
    }
}

void Answer::take(const Record& record) {
    const std::string& owner = found_.alias.empty() ? name_ : found_.alias;
    if (record.type != static_cast<std::size_t>(type_) || record.owner != owner) return;
    reader_.go_to(record.data);
    take_data(record);
    if (!wrong_ && reader_.position() != record.data + record.size) {
        wrong_ = malformed("a record in its message is not as long as it says");
    }
    hold_for(record.ttl);
}

void Answer::take_data(const Record& record) {
    switch (type_) {
        case RecordType::a: found_.addresses.push_back(address_of(reader_.take(kAddress4))); break;
        case RecordType::aaaa: found_.addresses.push_back(address_of(reader_.take(kAddress6))); break;
        case RecordType::txt: found_.texts.push_back(text_of(reader_.take(record.size), wrong_)); break;
        case RecordType::ptr: found_.texts.push_back(reader_.name()); break;
        case RecordType::srv: {
            Service service;
            service.priority = static_cast<uint16_t>(reader_.number(2));
            service.weight = static_cast<uint16_t>(reader_.number(2));
            service.port = static_cast<uint16_t>(reader_.number(2));
            service.host = reader_.name();
            found_.services.push_back(std::move(service));
            break;
        }
    }
}

// RFC 2308, section 5: the smaller of the SOA record's own TTL and its last number.
void Answer::take_negative_ttl() {
    if (!authority_) {
        found_.ttl = Duration(0);
        return;
    }
    reader_.go_to(authority_->data);
    reader_.name();
    reader_.name();
    reader_.take(16);
    hold_for(std::min(reader_.number(4), authority_->ttl));
}

Result<Records> Answer::parse() {
    if (auto wrong = check_header()) return fail(std::move(*wrong));
    read_records();
    if (fine()) follow_aliases();
    for (const Record& record : records_) {
        if (fine() && found_.outcome == Records::Outcome::found) take(record);
    }
    const bool empty = found_.addresses.empty() && found_.services.empty() && found_.texts.empty();
    if (found_.outcome == Records::Outcome::found && empty) found_.outcome = Records::Outcome::no_such_record;
    if (fine() && found_.outcome != Records::Outcome::found) take_negative_ttl();
    if (wrong_) return fail(std::move(*wrong_));
    if (reader_.error()) return fail(*reader_.error());
    return std::move(found_);
}

}  // namespace

Result<Records> parse_answer(std::string_view message, std::string_view name, RecordType type) {
    return Answer(message, name, type).parse();
}

}  // namespace bine::names
