import ArgumentParser

@main
struct Martlet: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A kernel-bypass router, firewall and NAT gateway.")
}
