from kernelspec_lib.cli import main

main()
