// Runs a fuzz target without a fuzzer: on every file of the folders (or files) that it is given, whole, and on
// every prefix and suffix of it, since parsers break where input stops. Any compiler builds it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// Long inputs are cut at this many places, spread evenly; all places of the others.
constexpr std::size_t kMostCuts = 512;

// A copy of exactly the size, so that AddressSanitizer sees a read past the end.
void run(const char* data, std::size_t size) {
    const std::vector<std::uint8_t> exact(data, data + size);
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::size_t replay(const std::string& input) {
    run(input.data(), input.size());
    const std::size_t step = std::max<std::size_t>(1, input.size() / kMostCuts);
    std::size_t runs = 1;
    for (std::size_t cut = 0; cut < input.size(); cut += step) {
        run(input.data(), cut);
        run(input.data() + cut, input.size() - cut);
        runs += 2;
    }
    return runs;
}

std::vector<std::filesystem::path> files_of(const std::filesystem::path& place) {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(place)) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(place)) {
            if (entry.is_regular_file()) {
                files.push_back(entry.path());
            }
        }
    } else if (std::filesystem::exists(place)) {
        files.push_back(place);
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::string contents(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t files = 0;
    std::size_t runs = replay("");
    for (int i = 1; i < argc; ++i) {
        for (const auto& file : files_of(argv[i])) {
            ++files;
            runs += replay(contents(file));
        }
    }
    std::printf("%zu files, %zu runs\n", files, runs);
    if (files == 0) {
        std::fprintf(stderr, "no corpus: put at least one input into the folder named on the command line\n");
        return 1;
    }
    return 0;
}
