#include "bine/sim/chance.h"

#include "bine/base/error.h"
#include "bine/base/text.h"

namespace bine::sim {

namespace {

constexpr uint64_t kMostChoices = 100'000'000;

// splitmix64 (Steele, Lea, Flood 2014).
uint64_t draw(uint64_t& state) noexcept {
    uint64_t mixed = state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
}

}  // namespace

uint64_t Chance::choose(uint64_t n) {
    uint64_t choice = 0;
    if (draws_) {
        choice = draw(state_) % n;
    } else if (made_.size() < given_.size()) {
        choice = given_[made_.size()] % n;
    }
    made_.push_back(choice);
    return choice;
}

std::string to_text(const Choices& choices) {
    std::string text;
    for (std::size_t i = 0; i < choices.size(); ++i) {
        if (choices[i] == 0) continue;
        if (!text.empty()) text += ' ';
        text += std::to_string(i) + '=' + std::to_string(choices[i]);
    }
    return text;
}

Choices parse_choices(std::string_view text) {
    Choices choices;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(word.size() + 1, text.size()));
        if (word.empty()) continue;
        const std::size_t equals = std::min(word.find('='), word.size());
        const auto place = try_parse_decimal(word.substr(0, equals), kMostChoices);
        const auto value = try_parse_decimal(word.substr(std::min(equals + 1, word.size())));
        if (!place || !value)
            throw Error(Errc::invalid_argument, "no choice: \"" + escape(word) + "\"; one is PLACE=NUMBER");
        if (choices.size() <= *place) choices.resize(*place + 1);
        choices[*place] = *value;
    }
    return choices;
}

}  // namespace bine::sim
