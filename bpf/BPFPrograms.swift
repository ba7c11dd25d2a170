// The compiled BPF objects, embedded by the CompileBPF plugin.
