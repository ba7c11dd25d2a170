import Dataplane
import Net
import Rules

/// All sets of a router by name and slot. A name keeps its slot as long as there is a set of that name, so rules and lists, which know
/// slots, see what a swap or a flush leaves under the name.
///
/// Changes go through a journal: whoever makes several of them as one takes all back if one is refused.
final class SetBook {
    struct Place {
        var name: String
        var set: LiveSet
        /// Rules that name it.
        var references = 0
        /// Lists that hold it.
        var listings = 0
    }

    /// What there was at one moment. A set's elements are copied when the first command is about to change them, so that nothing has to be
    /// copied of sets that stay as they are.
    struct Memento {
        var places: [UInt16: Place]
        var version: UInt64
        var copies: [ObjectIdentifier: LiveSet.Copy] = [:]
        /// The sets there were then; others need no copy.
        let sets: Set<ObjectIdentifier>

        init(_ book: SetBook) {
            places = book.places
            version = book.headerVersion
            sets = Set(places.values.map { ObjectIdentifier($0.set) })
        }
    }

    /// What can be brought back; nil if nothing shall.
    private(set) var memento: Memento?

    /// How to take one change back.
    enum Reversal {
        case remove(LiveSet, SetKey)
        case add(LiveSet, SetRecord)
        case perform(() -> Void)
    }

    private(set) var places: [UInt16: Place] = [:]
    private var slots: [String: UInt16] = [:]
    /// No slot below is free.
    private var fullBelow: UInt16 = 0
    /// Grows when a set is made, destroyed, renamed or swapped.
    private(set) var headerVersion: UInt64 = 0
    /// Where workers find the sets; nil for sets that are being prepared.
    private let directory: SetDirectory?
    /// Has its argument called when no worker can be at what was unlinked.
    private let retire: (@escaping @Sendable () -> Void) -> Void
    /// Slots in which others lie: sets that are prepared to take the others' place lie beside them, until the rules that know these have
    /// gone.
    private let taken: Set<UInt16>

    init(
        directory: SetDirectory?, taken: Set<UInt16> = [],
        retire: @escaping (@escaping @Sendable () -> Void) -> Void = { $0() }
    ) {
        self.directory = directory
        self.retire = retire
        self.taken = taken
    }

    subscript(name: String) -> Place? { slots[name].flatMap { places[$0] } }
    func slot(_ name: String) -> UInt16? { slots[name] }
    var slotsByName: [String: UInt16] { slots }
    func name(_ slot: UInt16) -> String { places[slot]?.name ?? "" }
    func header(_ name: String) -> SetHeader? { self[name]?.set.header }

    /// In the order in which ipset lists them: by slot, those that hold others last.
    var inOrder: [(slot: UInt16, place: Place)] {
        let all = places.sorted { $0.key < $1.key }.map { (slot: $0.key, place: $0.value) }
        return all.filter { $0.place.set.type != .listSet } + all.filter { $0.place.set.type == .listSet }
    }

    // MARK: Bringing back

    /// From now on keeps what is needed to bring back what there is.
    func remember() { memento = Memento(self) }
    func forgetMemento() { memento = nil }

    /// Called before elements of a set change by command.
    private func touch(_ set: LiveSet, at now: UInt64) {
        let identity = ObjectIdentifier(set)
        guard let memento, memento.sets.contains(identity), memento.copies[identity] == nil else { return }
        self.memento?.copies[identity] = set.copy(at: now)
    }

    /// Whether a command has changed sets since they were remembered.
    var hasChangedSinceMemento: Bool {
        memento.map { $0.version != headerVersion || !$0.copies.isEmpty } ?? false
    }

    /// The sets that were remembered, with what was in them.
    func rememberedPlaces(at now: UInt64) -> [UInt16: Place] {
        guard let memento else { return places }
        return memento.places.mapValues { place in
            guard let copy = memento.copies[ObjectIdentifier(place.set)] else { return place }
            var place = place
            place.set = place.set.restored(copy, at: now, retire: retire)
            return place
        }
    }

    /// Puts other sets in place of all. Slots that nothing is in any more are left for `clear`, since rules in force may still name them.
    ///
    /// - Returns: those slots.
    func install(_ new: [UInt16: Place]) -> [UInt16] {
        let old = places
        places = new
        slots = Dictionary(uniqueKeysWithValues: new.map { ($0.value.name, $0.key) })
        fullBelow = 0
        headerVersion += 1
        for (slot, place) in new { directory?.set(slot, place.set.memory) }
        for (slot, place) in old where new[slot]?.set !== place.set { keep(place.set.memory) }
        return old.keys.filter { new[$0] == nil }
    }

    /// Has workers find nothing in slots that nothing is in.
    func clear(_ slots: [UInt16]) {
        for slot in slots where places[slot] == nil { directory?.set(slot, nil) }
    }

    // MARK: Slots

    private func put(_ slot: UInt16, _ place: Place) {
        places[slot] = place
        slots[place.name] = slot
        directory?.set(slot, place.set.memory)
        headerVersion += 1
    }

    private func remove(_ slot: UInt16) {
        guard let place = places.removeValue(forKey: slot) else { return }
        slots[place.name] = nil
        directory?.set(slot, nil)
        headerVersion += 1
        fullBelow = min(fullBelow, slot)
        keep(place.set.memory)
    }

    /// Keeps memory until no worker can look at it.
    private func keep(_ memory: SetMemory) { retire { withExtendedLifetime(memory) {} } }

    private var freeSlot: UInt16? {
        (fullBelow..<SetDirectory.none).first { places[$0] == nil && !taken.contains($0) }
    }

    // MARK: Commands

    /// Carries out one command that changes sets.
    ///
    /// - Parameters:
    ///   - now: CLOCK_MONOTONIC in nanoseconds.
    ///   - journal: gets what takes the change back.
    ///   - expecting: elements that will follow, by the set's name.
    /// - Throws: what ipset would say; then part of a command for many elements may have been done.
    func apply(
        _ instruction: SetInstruction, at now: UInt64, journal: inout [Reversal], expecting: [String: Int] = [:]
    ) throws(RuleError) {
        switch instruction {
        case .create(let name, let header, let exists):
            if let present = self[name.text] {
                guard exists, present.set.isMade(header) else {
                    throw RuleError(
                        "Set cannot be created: set with the same name already exists", at: name, exitCode: 1)
                }
                return
            }
            guard let slot = freeSlot else {
                let others = taken.isEmpty ? "" : ", and those whose place they take"
                throw RuleError("Set cannot be created: there are 65535 sets already\(others)", at: name, exitCode: 1)
            }
            fullBelow = slot
            put(slot, Place(name: name.text, set: LiveSet(header, expecting: expecting[name.text] ?? 0)))
            journal.append(.perform { self.remove(slot) })
        case .add(let name, let entries, let notes, let word, let exists):
            guard let slot = slots[name.text], let set = places[slot]?.set else { throw Self.unknown(name) }
            if set.type == .listSet {
                return try addMember(slot, set, entries, notes, word, exists, now, &journal)
            }
            for entry in entries {
                guard let key = set.key(of: entry, slot: { slots[$0] }) else { continue }
                try add(set.record(key, notes, at: now), to: set, exists: exists, word, now, &journal)
            }
        case .delete(let name, let entries, let notes, let word, let exists):
            guard let slot = slots[name.text], let set = places[slot]?.set else { throw Self.unknown(name) }
            if set.type == .listSet { return try removeMember(slot, set, entries, notes, word, exists, now, &journal) }
            for entry in entries {
                guard let key = set.key(of: entry, slot: { slots[$0] }) else { continue }
                touch(set, at: now)
                let before = set.memory.record(of: key, at: now)
                guard set.memory.remove(key, at: now) || exists else {
                    throw RuleError("Element cannot be deleted from the set: it's not added", at: word, exitCode: 1)
                }
                if let before { journal.append(.add(set, before)) }
            }
        case .test: break
        case .flush(let name):
            for slot in try chosen(name) { flush(slot, at: now, &journal) }
        case .destroy(let name):
            let chosen = try chosen(name)
            for slot in chosen where (places[slot]?.references ?? 0) + (places[slot]?.listings ?? 0) > 0 {
                throw RuleError(
                    "Set cannot be destroyed: it is in use by a kernel component", at: name, exitCode: 1)
            }
            for slot in chosen {
                guard let place = places[slot] else { continue }
                for member in place.set.members { count(listing: member, -1) }
                remove(slot)
                journal.append(
                    .perform {
                        self.put(slot, place)
                        for member in place.set.members { self.count(listing: member, 1) }
                    })
            }
        case .swap(let first, let second):
            guard let a = slots[first.text] else { throw Self.unknown(first) }
            guard let b = slots[second.text], let one = places[a], let two = places[b] else { throw Self.unknown(second) }
            guard one.set.type.mayTakePlace(of: two.set.type) else {
                throw RuleError("The sets cannot be swapped: their type does not match", at: second, exitCode: 1)
            }
            swap(a, b)
            journal.append(.perform { self.swap(a, b) })
        case .rename(let old, let new):
            guard let slot = slots[old.text], let place = places[slot] else { throw Self.unknown(old) }
            guard place.references + place.listings == 0 else {
                throw RuleError("Set cannot be renamed: it is in use by another system", at: old, exitCode: 1)
            }
            guard slots[new.text] == nil else {
                throw RuleError("Set cannot be renamed: a set with the new name already exists", at: new, exitCode: 1)
            }
            rename(slot, to: new.text)
            journal.append(.perform { self.rename(slot, to: old.text) })
        }
    }

    /// Adds one element.
    func add(
        _ record: SetRecord, to set: LiveSet, exists: Bool, _ word: Word?, _ now: UInt64, _ journal: inout [Reversal]
    ) throws(RuleError) {
        touch(set, at: now)
        let before = exists ? set.memory.record(of: record.key, at: now) : nil
        var outcome = set.memory.add(record, replaces: exists, at: now)
        if outcome == .full, set.memory.count < set.shape.capacity {
            // Not the set but its memory is full, which the slow side can change at once.
            maintain(set, at: now, expecting: 1 << 16)
            outcome = set.memory.add(record, replaces: exists, at: now)
        }
        switch outcome {
        case .added: journal.append(.remove(set, record.key))
        case .replaced: if let before { journal.append(.add(set, before)) }
        case .exists:
            throw RuleError("Element cannot be added to the set: it's already added", at: word, exitCode: 1)
        case .full: throw RuleError("Hash is full, cannot add more elements", at: word, exitCode: 1)
        }
    }

    /// Takes changes back, the last one first.
    func revert(_ journal: [Reversal], at now: UInt64) {
        for reversal in journal.reversed() {
            switch reversal {
            case .remove(let set, let key): set.memory.remove(key, at: now)
            case .add(let set, let record): _ = set.memory.add(record, replaces: true, at: now)
            case .perform(let action): action()
            }
        }
    }

    private static func unknown(_ name: Word) -> RuleError {
        RuleError("The set with the given name does not exist", at: name, exitCode: 1)
    }

    private func chosen(_ name: Word?) throws(RuleError) -> [UInt16] {
        guard let name else { return places.keys.sorted() }
        guard let slot = slots[name.text] else { throw Self.unknown(name) }
        return [slot]
    }

    private func flush(_ slot: UInt16, at now: UInt64, _ journal: inout [Reversal]) {
        guard let set = places[slot]?.set else { return }
        touch(set, at: now)
        for member in set.members { count(listing: member, -1) }
        let before = set.empty()
        directory?.set(slot, set.memory)
        keep(before.memory)
        journal.append(
            .perform {
                self.keep(set.memory)
                set.put(before)
                self.directory?.set(slot, set.memory)
                for member in before.members { self.count(listing: member, 1) }
            })
    }

    private func swap(_ a: UInt16, _ b: UInt16) {
        guard let one = places[a]?.set, let two = places[b]?.set else { return }
        places[a]?.set = two
        places[b]?.set = one
        directory?.set(a, two.memory)
        directory?.set(b, one.memory)
        headerVersion += 1
    }

    private func rename(_ slot: UInt16, to name: String) {
        guard var place = places[slot] else { return }
        slots[place.name] = nil
        place.name = name
        put(slot, place)
    }

    // MARK: Lists

    private func count(listing member: SetRecord, _ change: Int) {
        places[UInt16(truncatingIfNeeded: member.key.a)]?.listings += change
    }

    private func addMember(
        _ slot: UInt16, _ list: LiveSet, _ entries: [SetEntry], _ notes: SetNotes, _ word: Word, _ exists: Bool,
        _ now: UInt64, _ journal: inout [Reversal]
    ) throws(RuleError) {
        guard let entry = entries.first, let key = list.key(of: entry, slot: { slots[$0] }),
            let member = places[UInt16(truncatingIfNeeded: key.a)]
        else {
            throw RuleError("Set to be added/deleted/tested as element does not exist.", at: word, exitCode: 1)
        }
        guard member.set.type != .listSet else {
            throw RuleError("Sets with list:set type cannot be added to the set.", at: word, exitCode: 1)
        }
        let record = list.record(key, notes, at: now)
        var members = livingMembers(of: list, at: now)
        if let place = members.firstIndex(where: { $0.key == key }) {
            guard exists else {
                throw RuleError("Element cannot be added to the set: it's already added", at: word, exitCode: 1)
            }
            members[place] = record
        } else {
            guard members.count < list.shape.capacity else {
                throw RuleError("The set is full, more elements cannot be added.", at: word, exitCode: 1)
            }
            members.insert(record, at: try place(notes.place, in: members) ?? members.count)
        }
        setMembers(members, of: slot, at: now, &journal)
    }

    private func removeMember(
        _ slot: UInt16, _ list: LiveSet, _ entries: [SetEntry], _ notes: SetNotes, _ word: Word, _ exists: Bool,
        _ now: UInt64, _ journal: inout [Reversal]
    ) throws(RuleError) {
        guard let entry = entries.first, let key = list.key(of: entry, slot: { slots[$0] }) else {
            throw RuleError("Set to be added/deleted/tested as element does not exist.", at: word, exitCode: 1)
        }
        // With -exist, too: no list could ever be on one.
        guard places[UInt16(truncatingIfNeeded: key.a)]?.set.type != .listSet else {
            throw RuleError("Sets with list:set type cannot be added to the set.", at: word, exitCode: 1)
        }
        var members = livingMembers(of: list, at: now)
        if let reference = notes.place {
            let expected = try place(reference, in: members) ?? 0
            let at = reference.isBefore ? expected - 1 : expected
            guard members.indices.contains(at), members[at].key == key else { throw Self.noReference(reference) }
        }
        guard let place = members.firstIndex(where: { $0.key == key }) else {
            if exists { return }
            throw RuleError("Element cannot be deleted from the set: it's not added", at: word, exitCode: 1)
        }
        members.remove(at: place)
        setMembers(members, of: slot, at: now, &journal)
    }

    private static func noReference(_ place: SetNotes.Place) -> RuleError {
        RuleError(
            "The set to which you referred with 'before' or 'after' is not added to the set.", at: place.reference,
            exitCode: 1)
    }

    private func place(_ place: SetNotes.Place?, in members: [SetRecord]) throws(RuleError) -> Int? {
        guard let place else { return nil }
        guard let slot = slots[place.reference.text],
            let index = members.firstIndex(where: { $0.key.a == UInt32(slot) })
        else { throw Self.noReference(place) }
        return place.isBefore ? index : index + 1
    }

    /// The members with what they have counted until now, without those whose time is over.
    private func livingMembers(of list: LiveSet, at now: UInt64) -> [SetRecord] {
        var records: [SetRecord] = []
        list.memory.forEach(at: now) { records.append($0) }
        // What packets count meanwhile must not be set back.
        for index in records.indices {
            records[index].packets = nil
            records[index].bytes = nil
        }
        return records
    }

    private func setMembers(_ members: [SetRecord], of slot: UInt16, at now: UInt64, _ journal: inout [Reversal]) {
        guard let list = places[slot]?.set else { return }
        touch(list, at: now)
        let before = list.members
        replaceMembers(members, of: list)
        journal.append(.perform { self.replaceMembers(before, of: list) })
    }

    private func replaceMembers(_ members: [SetRecord], of list: LiveSet) {
        for member in list.members { count(listing: member, -1) }
        for member in members { count(listing: member, 1) }
        list.members = members
        list.memory.setMembers(members, retire: retire)
    }

    // MARK: Whole

    /// How many rules name each set.
    func setReferences(_ names: [String]) {
        for slot in places.keys { places[slot]?.references = 0 }
        for name in names { if let slot = slots[name] { places[slot]?.references += 1 } }
    }

    /// What sets need now and then; see `SetMemory.maintain`.
    func maintain(at now: UInt64) {
        for place in places.values { maintain(place.set, at: now) }
    }

    func maintain(_ set: LiveSet, at now: UInt64, expecting: Int = 0) {
        set.memory.maintain(at: now, expecting: expecting, retire: retire)
    }
}

extension SetType {
    /// Sets may be swapped if rules can ask them the same (`features` in struct ip_set_type).
    fileprivate func mayTakePlace(of other: SetType) -> Bool {
        func features(_ type: SetType) -> SetType { type == .bitmapIP ? .hashIP : type }
        return features(self) == features(other)
    }
}
