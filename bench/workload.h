// What the load generator asks, and what must come back.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hello.h"
#include "random.h"
#include "request_mix.h"

namespace bench {

[[noreturn]] inline void fail(const std::string& what) { throw std::runtime_error(what); }

// What is asked and what must come back. Exchange number `turn` on connection `index`; all const, all bytes made before.
class Workload {
public:
    virtual ~Workload() = default;
    virtual std::string_view question(std::size_t index, std::uint64_t turn) const = 0;
    virtual std::size_t answer_size(std::size_t index, std::uint64_t turn) const = 0;
    virtual std::size_t largest_answer() const = 0;
    virtual std::size_t operations_per_exchange() const = 0;

    // Whether `bytes` are right from `offset` on in the answer.
    virtual bool matches(std::size_t index, std::uint64_t turn, std::size_t offset, std::string_view bytes) const = 0;
};

// Every connection and every turn starts elsewhere in the same random bytes, so that no two neighbours are alike. Sizes go from
// `smallest` to `largest`, by powers of two, in an order of its own for each connection.
class EchoWorkload final : public Workload {
public:
    EchoWorkload(std::size_t smallest, std::size_t largest, std::uint64_t seed) {
        Random random(seed);
        for (std::size_t size = smallest; size <= std::max(smallest, largest); size *= 2) sizes_.push_back(size);
        for (std::size_t& drawn : order_) drawn = sizes_[random.between(0, sizes_.size() - 1)];
        bytes_.resize(largest_answer() + kStarts);
        for (char& byte : bytes_) byte = static_cast<char>(random.next());
    }

    std::string_view question(std::size_t index, std::uint64_t turn) const override {
        const std::size_t start = (index * 131 + turn * 17) % kStarts;
        return std::string_view(bytes_).substr(start, answer_size(index, turn));
    }
    std::size_t answer_size(std::size_t index, std::uint64_t turn) const override {
        return order_[(index * 29 + turn) % order_.size()];
    }
    std::size_t largest_answer() const override { return sizes_.back(); }
    std::size_t operations_per_exchange() const override { return 1; }

    bool matches(std::size_t index, std::uint64_t turn, std::size_t offset, std::string_view bytes) const override {
        return question(index, turn).substr(offset, bytes.size()) == bytes;
    }

private:
    static constexpr std::size_t kStarts = 4096;
    std::vector<std::size_t> sizes_;
    std::array<std::size_t, 256> order_{};
    std::string bytes_;
};

// The answer that every request gets. Only the value of a Date field may differ from one to the next.
class KnownAnswer {
public:
    // Checks status, length and body of a first answer; throws when they are wrong.
    KnownAnswer(std::string bytes, std::string_view body) : bytes_(std::move(bytes)) {
        if (!bytes_.starts_with("HTTP/1.1 200 ")) fail("the status is not 200: " + bytes_.substr(0, 64));
        const std::size_t head = bytes_.find("\r\n\r\n");
        if (head == std::string::npos || std::string_view(bytes_).substr(head + 4) != body)
            fail("the body is not the expected one");
        find_date();
    }

    std::size_t size() const { return bytes_.size(); }

    // `bytes` lie within one answer, from `offset` on.
    bool matches(std::size_t offset, std::string_view bytes) const {
        return equal(offset, bytes, 0, date_begin_) && equal(offset, bytes, date_end_, bytes_.size());
    }

private:
    void find_date() {
        std::string lower = bytes_.substr(0, bytes_.find("\r\n\r\n") + 2);
        for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
        const std::size_t name = lower.find("\r\ndate:");
        if (name == std::string::npos) {
            date_begin_ = date_end_ = bytes_.size();
        } else {
            date_begin_ = name + 7;
            date_end_ = lower.find("\r\n", date_begin_);
        }
    }

    // Whether that part of `bytes` that lies between `begin` and `end` of the answer is right.
    bool equal(std::size_t offset, std::string_view bytes, std::size_t begin, std::size_t end) const {
        const std::size_t from = std::max(offset, begin);
        const std::size_t to = std::min(offset + bytes.size(), end);
        return from >= to || std::memcmp(bytes.data() + (from - offset), bytes_.data() + from, to - from) == 0;
    }

    std::string bytes_;
    std::size_t date_begin_ = 0;
    std::size_t date_end_ = 0;
};

// `depth` requests of the mix in one piece; each connection goes round the mix from a place of its own.
class HttpWorkload final : public Workload {
public:
    HttpWorkload(KnownAnswer answer, std::size_t depth, std::uint64_t seed, const RequestStyle& style)
        : answer_(std::move(answer)), depth_(depth) {
        const auto mix = make_request_mix(seed, style);
        for (std::size_t i = 0; i < kRequests + depth; ++i) {
            starts_.push_back(requests_.size());
            requests_ += mix[i % kRequests];
        }
    }

    std::string_view question(std::size_t index, std::uint64_t turn) const override {
        const std::size_t first = (index + turn * depth_) % kRequests;
        return std::string_view(requests_).substr(starts_[first], starts_[first + depth_] - starts_[first]);
    }
    std::size_t answer_size(std::size_t, std::uint64_t) const override { return largest_answer(); }
    std::size_t largest_answer() const override { return answer_.size() * depth_; }
    std::size_t operations_per_exchange() const override { return depth_; }

    bool matches(std::size_t, std::uint64_t, std::size_t offset, std::string_view bytes) const override {
        while (!bytes.empty()) {
            const std::size_t within = offset % answer_.size();
            const std::string_view piece = bytes.substr(0, answer_.size() - within);
            if (!answer_.matches(within, piece)) return false;
            offset += piece.size();
            bytes.remove_prefix(piece.size());
        }
        return true;
    }

private:
    KnownAnswer answer_;
    std::size_t depth_;
    std::string requests_;
    std::vector<std::size_t> starts_;
};

}  // namespace bench
