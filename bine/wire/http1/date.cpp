#include "bine/wire/http1/date.h"

#include <algorithm>
#include <string>

#include "bine/base/text.h"

namespace bine::http1 {

namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr std::array<std::string_view, 7> kDays{"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr int64_t kLastSecond = 253402300799;  // of the year 9999
constexpr int kLastYear = 2261;                // that nanoseconds in 64 bits reach as a whole

struct Civil {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int hour = 0;
    int minute = 0;
    int second = 0;
};

void put_two(char* at, unsigned value) noexcept {
    at[0] = static_cast<char>('0' + value / 10);
    at[1] = static_cast<char>('0' + value % 10);
}

// Takes a text apart from the left; after something unexpected, `ok` stays false.
class Reader {
public:
    explicit Reader(std::string_view text) noexcept : rest_(text) {}

    void literal(std::string_view wanted) noexcept {
        if (!rest_.starts_with(wanted)) return stop();
        rest_.remove_prefix(wanted.size());
    }

    int digits(std::size_t count) noexcept {
        const auto number = try_parse_decimal(rest_.substr(0, count));
        if (!number || rest_.size() < count) return stop(), 0;
        rest_.remove_prefix(count);
        return static_cast<int>(*number);
    }

    // asctime's day of the month: " 6" or "16".
    int padded_digits() noexcept {
        if (rest_.starts_with(' ')) {
            rest_.remove_prefix(1);
            return digits(1);
        }
        return digits(2);
    }

    // The index of the name that the rest begins with; `length` bytes of it count, 0: all.
    template <std::size_t N>
    unsigned name(const std::array<std::string_view, N>& names, std::size_t length = 0) noexcept {
        for (unsigned i = 0; i < N; ++i) {
            const std::string_view wanted = length == 0 ? names[i] : names[i].substr(0, length);
            if (!rest_.starts_with(wanted)) continue;
            rest_.remove_prefix(wanted.size());
            return i;
        }
        return stop(), 0;
    }

    void time(Civil& civil) noexcept {
        civil.hour = digits(2);
        literal(":");
        civil.minute = digits(2);
        literal(":");
        civil.second = digits(2);
    }

    bool complete() const noexcept { return ok_ && rest_.empty(); }

private:
    void stop() noexcept {
        ok_ = false;
        rest_ = {};
    }

    std::string_view rest_;
    bool ok_ = true;
};

bool read_fixed(std::string_view text, Civil& civil) noexcept {
    Reader reader(text);
    reader.name(kDays, 3);
    reader.literal(", ");
    civil.day = static_cast<unsigned>(reader.digits(2));
    reader.literal(" ");
    civil.month = reader.name(kMonths) + 1;
    reader.literal(" ");
    civil.year = reader.digits(4);
    reader.literal(" ");
    reader.time(civil);
    reader.literal(" GMT");
    return reader.complete();
}

bool read_rfc850(std::string_view text, Civil& civil, WallTime now) noexcept {
    Reader reader(text);
    reader.name(kDays);
    reader.literal(", ");
    civil.day = static_cast<unsigned>(reader.digits(2));
    reader.literal("-");
    civil.month = reader.name(kMonths) + 1;
    reader.literal("-");
    const int year = reader.digits(2);
    reader.literal(" ");
    reader.time(civil);
    reader.literal(" GMT");

    const std::chrono::year_month_day today(std::chrono::floor<days>(now));
    const int this_year = static_cast<int>(today.year());
    civil.year = this_year - this_year % 100 + year;
    if (civil.year > this_year + 50) civil.year -= 100;
    return reader.complete();
}

bool read_asctime(std::string_view text, Civil& civil) noexcept {
    Reader reader(text);
    reader.name(kDays, 3);
    reader.literal(" ");
    civil.month = reader.name(kMonths) + 1;
    reader.literal(" ");
    civil.day = static_cast<unsigned>(reader.padded_digits());
    reader.literal(" ");
    reader.time(civil);
    reader.literal(" ");
    civil.year = reader.digits(4);
    return reader.complete();
}

std::optional<WallTime> to_time(const Civil& civil) noexcept {
    const std::chrono::year_month_day date{std::chrono::year(civil.year), std::chrono::month(civil.month),
                                           std::chrono::day(civil.day)};
    if (!date.ok() || civil.year < 1970 || civil.year > kLastYear) return std::nullopt;
    if (civil.hour > 23 || civil.minute > 59 || civil.second > 60) return std::nullopt;
    return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(civil.hour) + std::chrono::minutes(civil.minute) +
           seconds(civil.second);
}

}  // namespace

DateText format_date(WallTime time) noexcept {
    const auto since = std::chrono::floor<seconds>(time.time_since_epoch());
    const std::chrono::sys_seconds moment(seconds(std::clamp<int64_t>(since.count(), 0, kLastSecond)));
    const auto day = std::chrono::floor<days>(moment);
    const std::chrono::year_month_day date(day);
    const auto second = static_cast<unsigned>((moment - day).count());
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

    DateText result{{"Sun, 00 Jan 0000 00:00:00 GM"}};
    char* const at = result.text.data();
    at[28] = 'T';
    kDays[std::chrono::weekday(day).c_encoding()].copy(at, 3);
    put_two(at + 5, static_cast<unsigned>(date.day()));
    kMonths[static_cast<unsigned>(date.month()) - 1].copy(at + 8, 3);
    put_two(at + 12, year / 100);
    put_two(at + 14, year % 100);
    put_two(at + 17, second / 3600);
    put_two(at + 20, second / 60 % 60);
    put_two(at + 23, second % 60);
    return result;
}

std::optional<WallTime> parse_date(std::string_view text, WallTime now) noexcept {
    Civil civil;
    if (read_fixed(text, civil) || read_rfc850(text, civil, now) || read_asctime(text, civil)) return to_time(civil);
    return std::nullopt;
}

}  // namespace bine::http1
