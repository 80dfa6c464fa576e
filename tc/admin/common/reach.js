// Whatever keeps an answer away is one kind of error: temporary, and no reason to log anybody out.
import { AuthError } from "./authsvc.js";

/**
 * @template T
 * @param {Promise<T>} answer
 * @returns {Promise<T>} rejects with an AuthError
 */
export async function reach(answer) {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof AuthError ? error : new AuthError("network");
  }
}
