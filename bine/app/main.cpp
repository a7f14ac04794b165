#include "bine/app/program.h"

int main(int argc, char** argv) { return bine::app::run_program(argc, argv); }
