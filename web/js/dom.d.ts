/** The little that is needed to make elements without markup in strings. */
/**
 * @param {string} tag
 * @param {Record<string, string|boolean>} [attributes] true sets one without a value, false leaves it out
 * @param {...(Node|string)} children
 * @returns {HTMLElement}
 */
export declare function make(tag: string, attributes?: Record<string, string | boolean>, ...children: (Node | string)[]): HTMLElement;
/** Writes only what changed, so that nothing is read out twice. @param {Node} target @param {string} text */
export declare function setText(target: Node, text: string): void;
/** Writes only what changed, so that no style is computed again. @param {Element} target */
export declare function setState(target: Element, name: any, value: any): void;
